import CanonicalJSON
import Glibc
import HTTPSupport
import Logging
import ServingAPI

/// The plane that a new one replaces, from the new one's point of view.
final class PreviousPlane: Sendable {
  /// The version of the protocol; planes with different versions cannot follow each other without an outage.
  static let protocolNumber: Int64 = 1

  /// The parts that it hands over.
  struct Inheritance {
    /// The held lock on the data directory.
    let lock: CInt
    let sockets: PlaneSockets
  }

  let processID: Int32
  /// The address it listens on, as given.
  private let host: String
  private let channel: TakeoverChannel
  private let settings: PlaneConfiguration
  private let log: Logger
  /// How long the other side may take for each step.
  private static let patience: Duration = .seconds(60)

  private init(
    _ channel: TakeoverChannel, processID: Int32, host: String, _ settings: PlaneConfiguration, log: Logger
  ) {
    self.channel = channel
    self.processID = processID
    self.host = host
    self.settings = settings
    self.log = log
  }

  /// Finds the plane that runs on the data directory and requests a takeover; nil if none runs there.
  ///
  /// - Throws: ``PlaneStartError`` if it cannot or will not be replaced; it continues undisturbed.
  static func find(_ settings: PlaneConfiguration, log: Logger) async throws(PlaneStartError) -> PreviousPlane? {
    let connected = ShortPath.of(settings.takeoverPath) { UnixSocket.connect(to: $0) }
    guard let descriptor = connected else { return nil }
    let channel = TakeoverChannel(descriptor)
    guard let peer = channel.peer, peer.userID == SecureFile.userID else {
      throw PlaneStartError(
        message: "the process that listens on \(settings.takeoverPath) belongs to another user and is not trusted",
        advice: "run the new plane as the same user as the old one")
    }
    let host: String
    do {
      try channel.send(
        .hello,
        ["protocol": .int(protocolNumber), "version": .string(settings.version), "pid": .int(Int64(getpid()))])
      let hello = try await channel.receive(.hello, within: patience)
      host = try check(hello.body, settings)
    } catch let failure as TakeoverChannel.Failure {
      throw error(failure, settings)
    } catch let error as PlaneStartError {
      throw error
    } catch {
      throw PlaneStartError(message: "\(error)", advice: "retry")
    }
    return PreviousPlane(channel, processID: peer.processID, host: host, settings, log: log)
  }

  /// Checks the other plane's hello, and returns the address it listens on.
  private static func check(_ hello: JSONValue, _ settings: PlaneConfiguration) throws(PlaneStartError) -> String {
    let version = hello["version"]?.stringValue ?? "unknown"
    guard hello["protocol"]?.intValue == protocolNumber else {
      throw PlaneStartError(
        message: "the running plane (version \(version)) cannot hand over to version \(settings.version)",
        advice: "stop it and start the new one; requests are refused in the meantime")
    }
    let host = hello["host"]?.stringValue ?? ""
    let port = Int(hello["port"]?.intValue ?? 0)
    let isKept = host == settings.host && (settings.port == port || settings.port == 0)
    guard isKept || !settings.isAddressGiven else {
      throw PlaneStartError(
        message: "the running plane listens on \(host):\(port), but the new one is configured for "
          + "\(settings.host):\(settings.port); a takeover keeps the address",
        advice: "omit --listen and --port, or stop the running plane and start the new one")
    }
    return host
  }

  private static func error(_ failure: TakeoverChannel.Failure, _ settings: PlaneConfiguration) -> PlaneStartError {
    let goesOn = "it keeps serving; check its log and retry"
    return switch failure {
    case .refused(let reason):
      PlaneStartError(message: "the running plane refused the takeover: \(reason)", advice: goesOn)
    case .closed:
      PlaneStartError(
        message: "the running plane exited, or closed the connection, before it handed over",
        advice: "check its log and retry")
    case .late: PlaneStartError(message: "the running plane did not respond in time", advice: goesOn)
    case .unexpected(let words):
      PlaneStartError(
        message: "the running plane sent an unexpected message (\(words))",
        advice: "stop it and start the new one; requests are refused in the meantime")
    }
  }

  /// Takes the lock and the sockets, after everything is prepared. From here on the old plane accepts nothing and
  /// changes nothing, until ``replace()``, or until this process is gone.
  func inherit() async throws(PlaneStartError) -> Inheritance {
    let taken: TakeoverChannel.Message
    do {
      try channel.send(.ready)
      taken = try await channel.receive(.take, within: Self.patience)
    } catch { throw Self.error(error, settings) }
    guard taken.descriptors.count >= 2 else {
      for descriptor in taken.descriptors { close(descriptor) }
      throw Self.error(.unexpected("no sockets"), settings)
    }
    let tcp = BoundSocket(adopting: taken.descriptors[1])
    var local: BoundSocket?
    if taken.descriptors.count > 2 {
      let inherited = BoundSocket(adopting: taken.descriptors[2])
      if taken.body["local_socket"]?.stringValue == PlaneSockets.localPath(settings) { local = inherited }
    }
    return Inheritance(
      lock: taken.descriptors[0],
      sockets: PlaneSockets(
        host: host, tcp: tcp, isSecure: settings.tls != nil,
        local: local ?? PlaneSockets.bindLocal(settings, log: log)))
  }

  /// Reports that the new plane has everything, and returns when the old one touches nothing any more.
  ///
  /// - Parameter localSocket: where the old plane reaches the new one, for callers that still have a connection to the
  ///   old one.
  func replace(localSocket: String?) async throws(PlaneStartError) {
    do {
      try channel.send(.have, ["local_socket": localSocket.map { .string($0) } ?? .null])
      _ = try await channel.receive(.yours, within: Self.patience)
    } catch { throw Self.error(error, settings) }
    log.info("replaced the running plane", metadata: ["pid": "\(processID)"])
  }

  /// Returns when the old plane has answered its last request and is gone, or when the task is canceled.
  func untilGone() async { await channel.untilClosed() }
}
