import CanonicalJSON
import Gateway
import Glibc
import Logging
import ServingAPI

/// The plane whose place a new one takes, as the new one sees it.
final class Predecessor: Sendable {
  /// Another number is another conversation; planes that differ in it cannot follow each other without an outage.
  static let protocolNumber: Int64 = 1

  /// What it handed over.
  struct Inheritance {
    /// The lock on the data directory, held.
    let lock: CInt
    let sockets: PlaneSockets
  }

  let processID: Int32
  /// The address it listens on, as it was given.
  private let host: String
  private let channel: TakeoverChannel
  private let settings: PlaneConfiguration
  private let log: Logger
  /// How long the other side may take for each of its steps.
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

  /// Finds the plane that runs on the data directory and says what is wanted of it; nil where none runs there.
  ///
  /// - Throws: ``PlaneStartError`` where it cannot or will not be followed; it goes on as if nothing had happened.
  static func find(_ settings: PlaneConfiguration, log: Logger) async throws(PlaneStartError) -> Predecessor? {
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
      throw PlaneStartError(message: "\(error)", advice: "try again")
    }
    return Predecessor(channel, processID: peer.processID, host: host, settings, log: log)
  }

  /// The address it listens on.
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
        message: "the running plane listens on \(host):\(port), but the new one was told to listen on "
          + "\(settings.host):\(settings.port); a takeover keeps the address",
        advice: "omit --listen and --port, or stop the running plane and start the new one")
    }
    return host
  }

  private static func error(_ failure: TakeoverChannel.Failure, _ settings: PlaneConfiguration) -> PlaneStartError {
    let goesOn = "it keeps serving; check its log and try again"
    return switch failure {
    case .refused(let reason):
      PlaneStartError(message: "the running plane refused the takeover: \(reason)", advice: goesOn)
    case .closed:
      PlaneStartError(message: "the running plane aborted the takeover", advice: "check its log and try again")
    case .late: PlaneStartError(message: "the running plane did not answer in time", advice: goesOn)
    case .unexpected(let words):
      PlaneStartError(
        message: "the running plane sent an unexpected message (\(words))",
        advice: "stop it and start the new one; requests are refused in the meantime")
    }
  }

  /// Everything is prepared: takes lock and sockets. From here on the old plane accepts nothing and changes nothing, until
  /// ``replace()``, or until this process is gone.
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
      sockets: PlaneSockets(host: host, tcp: tcp, local: local ?? PlaneSockets.bindLocal(settings, log: log)))
  }

  /// Says that the new plane has everything, and returns when the old one touches nothing any more.
  ///
  /// - Parameter localSocket: where the new plane can be asked by the old one, for whoever still holds a connection to that.
  func replace(localSocket: String?) async throws(PlaneStartError) {
    do {
      try channel.send(.have, ["local_socket": localSocket.map { .string($0) } ?? .null])
      _ = try await channel.receive(.yours, within: Self.patience)
    } catch { throw Self.error(error, settings) }
    log.info("replaced the running plane", metadata: ["pid": "\(processID)"])
  }

  /// Returns when the old plane has answered its last request and is gone, or the task is cancelled.
  func untilGone() async { await channel.untilClosed() }
}
