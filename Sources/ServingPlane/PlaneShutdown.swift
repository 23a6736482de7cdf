import Durations
import EventFlags
import HTTPSupport
import Logging

/// The orderly end of a plane: requests in progress are answered, then replicas are stopped, all within the allowed
/// time. It reports what it waits for.
struct PlaneShutdown: Sendable {
  let server: SocketServer
  let sockets: PlaneSockets
  let endpoints: ServingEndpoints
  let settings: PlaneConfiguration
  let hurry: EventFlag
  let log: Logger

  private let clock = ContinuousClock()
  /// The interval between two log lines about the wait.
  private static let tellEvery: Duration = .seconds(5)
  private static let checkInterval: Duration = .milliseconds(50)

  init(
    server: SocketServer, sockets: PlaneSockets, endpoints: ServingEndpoints, settings: PlaneConfiguration,
    hurry: EventFlag, log: Logger
  ) {
    self.server = server
    self.sockets = sockets
    self.endpoints = endpoints
    self.settings = settings
    self.hurry = hurry
    self.log = log
  }

  /// Accepts no new requests, refuses waiting ones, and returns when those in progress are answered, time is up, or a
  /// quick stop was requested.
  func finishRequests() async throws {
    server.stopListening()
    // New connections are refused at once, instead of waiting in the kernel for a plane that will not accept again.
    sockets.close()
    await endpoints.refuseQueries()
    let time = settings.requestGrace
    if server.requestsInProgress > 0 {
      log.info("stopping: waiting for requests in progress", metadata: requests(left: time))
    }
    try await wait(atMost: time, for: { server.requestsInProgress == 0 }) {
      log.info("stopping: waiting for requests", metadata: requests(left: $0))
    }
    let cut = server.requestsInProgress
    if cut > 0 { log.warning("stopping: closing the remaining requests", metadata: ["requests": "\(cut)"]) }
  }

  /// Finishes the requests in progress after another plane has taken over, and returns when every connection is closed.
  /// Idle ones are closed after a while.
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

  /// Stops the replicas, and kills those that remain when time is up or a quick stop was requested. Returns when all
  /// have ended.
  func endReplicas() async throws {
    let count = await endpoints.livingReplicas
    guard count > 0 else { return }
    log.info("stopping the replicas", metadata: ["replicas": "\(count)"])
    let isOver: @Sendable () async -> Bool = { await endpoints.livingReplicas == 0 }
    try await wait(atMost: settings.shutdownGrace - settings.requestGrace, for: isOver) { left in
      let rest = await endpoints.livingReplicas
      log.info(
        "stopping: waiting for replicas",
        metadata: ["replicas": "\(rest)", "killed_after": "\(DurationText.text(left))"])
    }
    let rest = await endpoints.livingReplicas
    guard rest > 0 else { return }
    log.warning("stopping: killing the remaining replicas", metadata: ["replicas": "\(rest)"])
    await endpoints.killReplicas()
  }

  private func requests(left: Duration) -> Logger.Metadata {
    ["requests": "\(server.requestsInProgress)", "cut_off_after": "\(DurationText.text(left))"]
  }

  /// Returns when the condition holds, time is up, or a quick stop was requested.
  private func wait(
    atMost limit: Duration, for isSo: () async -> Bool, tell: (_ left: Duration) async -> Void
  ) async throws {
    let end = clock.now + limit
    var told = clock.now
    while await !isSo(), clock.now < end, !hurry.isSet {
      if clock.now - told >= Self.tellEvery {
        told = clock.now
        await tell(.seconds((end - told).components.seconds))
      }
      try await Task.sleep(for: min(Self.checkInterval, max(.milliseconds(1), end - clock.now)))
    }
  }
}
