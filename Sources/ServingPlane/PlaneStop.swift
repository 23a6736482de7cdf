import Gateway
import Logging

/// The end of a plane in good order: requests under way are answered, then replicas are stopped, all within the time that whoever
/// ends the plane gives it. It says what it waits for.
struct PlaneStop: Sendable {
  let server: SocketServer
  let sockets: PlaneSockets
  let endpoints: ServingEndpoints
  let settings: PlaneConfiguration
  let hurry: Latch
  let log: Logger

  private let clock = ContinuousClock()
  /// Between two lines about what is waited for.
  private static let tellEvery: Duration = .seconds(5)
  private static let lookEvery: Duration = .milliseconds(50)

  init(
    server: SocketServer, sockets: PlaneSockets, endpoints: ServingEndpoints, settings: PlaneConfiguration,
    hurry: Latch, log: Logger
  ) {
    self.server = server
    self.sockets = sockets
    self.endpoints = endpoints
    self.settings = settings
    self.hurry = hurry
    self.log = log
  }

  /// Takes no new requests, refuses those that wait for a place, and returns when those under way are answered, when their time
  /// is up, or in a hurry.
  func finishRequests() async throws {
    server.stopListening()
    // Who comes now is refused at once, and does not wait in the kernel for a plane that will not accept again.
    sockets.close()
    await endpoints.refuseQueries()
    let time = settings.requestGrace
    if server.requestsUnderWay > 0 {
      log.info("stopping: waiting for requests in progress", metadata: requests(left: time))
    }
    try await wait(atMost: time, for: { server.requestsUnderWay == 0 }) {
      log.info("stopping: waiting for requests", metadata: requests(left: $0))
    }
    let cut = server.requestsUnderWay
    if cut > 0 { log.warning("stopping: closing the remaining requests", metadata: ["requests": "\(cut)"]) }
  }

  /// Answers what is under way although another plane has taken over, and returns when every connection is closed. Those on which
  /// nothing comes are closed after a while.
  func finishAfterHandover() async throws {
    let begun = clock.now
    try await wait(
      atMost: settings.handoverGrace,
      for: {
        if clock.now - begun >= settings.handoverIdle { server.closeIdle(for: settings.handoverIdle) }
        return server.connections == 0
      }
    ) { log.info("handed over: waiting for requests", metadata: requests(left: $0)) }
  }

  /// Stops the replicas and kills those that are still there when the time is up, or in a hurry. Returns when all are over.
  func endReplicas() async throws {
    let count = await endpoints.livingReplicas
    guard count > 0 else { return }
    log.info("stopping the replicas", metadata: ["replicas": "\(count)"])
    let isOver: @Sendable () async -> Bool = { await endpoints.livingReplicas == 0 }
    try await wait(atMost: settings.shutdownGrace - settings.requestGrace, for: isOver) { left in
      let rest = await endpoints.livingReplicas
      log.info("stopping: waiting for replicas", metadata: ["replicas": "\(rest)", "killed_after": "\(left.inWords)"])
    }
    let rest = await endpoints.livingReplicas
    guard rest > 0 else { return }
    log.warning("stopping: killing the remaining replicas", metadata: ["replicas": "\(rest)"])
    await endpoints.killReplicas()
  }

  private func requests(left: Duration) -> Logger.Metadata {
    ["requests": "\(server.requestsUnderWay)", "cut_off_after": "\(left.inWords)"]
  }

  /// Returns when it is so, the time is up, or somebody is in a hurry.
  private func wait(
    atMost limit: Duration, for isSo: () async -> Bool, tell: (_ left: Duration) async -> Void
  ) async throws {
    let end = clock.now + limit
    var told = clock.now
    while await !isSo(), clock.now < end, !hurry.isOn {
      if clock.now - told >= Self.tellEvery {
        told = clock.now
        await tell(.seconds((end - told).components.seconds))
      }
      try await Task.sleep(for: min(Self.lookEvery, max(.milliseconds(1), end - clock.now)))
    }
  }
}
