import CanonicalJSON
import FileSystem
import Glibc
import HTTPSupport
import Logging
import ServingAPI
import Synchronization

/// The socket on which a running plane is asked to hand over: a Unix socket in its data directory, only for its own
/// user.
struct TakeoverListener: Sendable {
  let settings: PlaneConfiguration
  let server: SocketServer
  let sockets: PlaneSockets
  let data: DataDirectory
  let endpoints: ServingEndpoints
  let gate: ChangeGate
  let log: Logger
  private let listener: BoundSocket

  /// The new plane's response to the offer.
  private typealias Offer = Result<TakeoverChannel.Message, TakeoverChannel.Failure>

  /// How long a new plane may take for each step; it may have to query the machine for its GPUs.
  private static let patience: Duration = .seconds(60)
  /// How long changes in progress may take to end before the takeover is refused.
  private static let changesMayTake: Duration = .seconds(10)

  /// - Throws: if the socket cannot be created; the plane can then only be stopped and started.
  init(
    settings: PlaneConfiguration, server: SocketServer, sockets: PlaneSockets, data: DataDirectory,
    endpoints: ServingEndpoints, gate: ChangeGate, log: Logger
  ) throws {
    self.settings = settings
    self.server = server
    self.sockets = sockets
    self.data = data
    self.endpoints = endpoints
    self.gate = gate
    self.log = log
    listener = try ShortPath.of(settings.takeoverPath) { try BoundSocket.unix(path: $0) }
  }

  /// Waits for a new plane and hands over to it.
  ///
  /// - Parameter abandon: leaves the replicas running; returns when nothing of this plane manages them any more.
  /// - Returns: the channel to the new plane, to be kept open as long as this plane has requests; nil if the task is
  ///   canceled.
  func handOver(abandon: @Sendable () async -> Void) async -> TakeoverChannel? {
    while !Task.isCancelled {
      if let descriptor = listener.accept() {
        let channel = TakeoverChannel(descriptor)
        if await handOver(to: channel, abandon: abandon) {
          listener.close()
          return channel
        }
      }
      try? await Task.sleep(for: Self.checkInterval)
    }
    return nil
  }

  /// Short beside a takeover, and long enough to cost an idle plane nothing.
  private static let checkInterval: Duration = .milliseconds(250)

  private func handOver(to channel: TakeoverChannel, abandon: @Sendable () async -> Void) async -> Bool {
    guard let peer = channel.peer, peer.userID == SecureFile.userID else { return false }
    let about: Logger.Metadata = ["pid": "\(peer.processID)"]
    let successor: String?
    do throws(TakeoverChannel.Failure) {
      try await greet(channel)
      _ = try await channel.receive(.ready, within: Self.patience)
      log.info("takeover requested", metadata: about)
      try await gate.close(within: Self.changesMayTake)
      let outcome = Mutex(Offer.failure(.refused("this plane is stopping")))
      _ = await endpoints.holdStill {
        let offer = await offer(to: channel)
        outcome.withLock { $0 = offer }
        if case .success = offer { return true }
        return false
      }
      let accepted = outcome.withLock { $0 }
      successor = try accepted.get().body["local_socket"]?.stringValue
    } catch {
      if case .refused(let reason) = error { try? channel.send(.refused, ["reason": .string(reason)]) }
      await goOn(about, error.reason)
      return false
    }
    await abandon()
    gate.handOver(to: successor)
    // Only now: a request that is sent again must reach the new plane.
    await endpoints.refuseUnserved()
    server.stopListening()
    sockets.close()
    data.unlock()
    // If this cannot be sent, the new plane is already gone, and whoever started it restarts it.
    try? channel.send(.yours)
    log.info("handed over", metadata: about)
    return true
  }

  private func greet(_ channel: TakeoverChannel) async throws(TakeoverChannel.Failure) {
    let hello = try await channel.receive(.hello, within: Self.patience)
    try channel.send(
      .hello,
      [
        "protocol": .int(PreviousPlane.protocolNumber), "version": .string(settings.version),
        "pid": .int(Int64(getpid())),
        "host": .string(sockets.host), "port": .int(Int64(sockets.port)),
      ])
    // The new plane got the reason, and exits with it.
    guard hello.body["protocol"]?.intValue == PreviousPlane.protocolNumber else {
      throw .unexpected("another protocol")
    }
  }

  /// Accepts nothing more, hands over the lock and the sockets, and waits until the new plane reports that it has
  /// opened the store.
  private func offer(to channel: TakeoverChannel) async -> Offer {
    do { try await server.pause() } catch {
      return .failure(.refused("the plane cannot stop accepting connections: \(error)"))
    }
    do throws(TakeoverChannel.Failure) {
      let descriptors = [data.lock.descriptor] + sockets.all.map(\.descriptor)
      try channel.send(
        .take, ["local_socket": PlaneSockets.localPath(settings).map { .string($0) } ?? .null], descriptors: descriptors
      )
      return .success(try await channel.receive(.have, within: Self.patience))
    } catch {
      return .failure(error)
    }
  }

  private func goOn(_ about: Logger.Metadata, _ why: String) async {
    do { try await server.resume() } catch {
      log.error("the plane no longer accepts connections", metadata: ["error": "\(error)"])
    }
    gate.open()
    log.warning("the takeover failed; this plane keeps serving", metadata: about.merging(["reason": "\(why)"]) { $1 })
  }
}

extension TakeoverChannel.Failure {
  /// Why a new plane did not take over, for the log of the plane that keeps serving.
  fileprivate var reason: String {
    switch self {
    case .closed:
      "the new plane exited, or closed the connection, before it was ready; its own output contains the reason"
    case .late: "the new plane did not respond in time"
    case .refused(let reason): reason
    case .unexpected(let words): "the new plane sent an unexpected message (\(words))"
    }
  }
}
