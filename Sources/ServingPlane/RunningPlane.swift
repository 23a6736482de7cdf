import EventFlags
import Glibc
import HTTPSupport
import Logging
import ServiceLifecycle

/// A fully initialized plane, from its first request to its last.
struct RunningPlane: Sendable {
  let settings: PlaneConfiguration
  let data: DataDirectory
  let endpoints: ServingEndpoints
  /// Nil if the models are those of another server.
  let registrations: ModelRegistrations?
  let tokens: TokenStore
  let sockets: PlaneSockets
  let server: SocketServer
  /// Nil for plain HTTP.
  let tls: TLSIdentity?
  let gate: ChangeGate
  let shutdown: PlaneShutdown
  let startup: PlaneStartup
  let collection: TelemetryCollection
  let log: Logger

  /// Set when another plane takes over, and when nothing of this one manages replicas any more.
  private let abandoned = EventFlag()
  private let unattended = EventFlag()
  /// Set when nothing of this plane reads the replicas' output any more.
  private let collected = EventFlag()
  /// Set when this plane accepts requests, and no previous plane writes to the log any more.
  private let accepting = EventFlag()

  init(
    settings: PlaneConfiguration, data: DataDirectory, endpoints: ServingEndpoints, registrations: ModelRegistrations?,
    tokens: TokenStore, sockets: PlaneSockets, server: SocketServer, tls: TLSIdentity?, gate: ChangeGate,
    shutdown: PlaneShutdown, startup: PlaneStartup, collection: TelemetryCollection, log: Logger
  ) {
    self.settings = settings
    self.data = data
    self.endpoints = endpoints
    self.registrations = registrations
    self.tokens = tokens
    self.sockets = sockets
    self.server = server
    self.tls = tls
    self.gate = gate
    self.shutdown = shutdown
    self.startup = startup
    self.collection = collection
    self.log = log
  }

  /// The tasks of a plane.
  private enum PlaneTask { case supervisor, replicasEnded, other }

  /// How long to wait for the records of killed replicas. A process that hangs in a driver cannot be killed and is not
  /// waited for.
  private static let settling: Duration = .seconds(2)
  /// How often to look whether the files of the certificate have changed.
  private static let certificateCheck: Duration = .seconds(2)

  /// Serves until the plane was asked to stop and has stopped, or until another plane has taken over and no longer
  /// needs it.
  func run(after previousPlane: PreviousPlane?) async throws {
    try await withThrowingTaskGroup(of: PlaneTask.self) { group in
      group.addTask {
        await superviseReplicas()
        return .supervisor
      }
      group.addTask {
        while !Task.isCancelled {
          try? await Task.sleep(for: .milliseconds(250))
          await endpoints.tick()
        }
        return .other
      }
      group.addTask {
        await endpoints.downloads.run()
        return .other
      }
      group.addTask {
        await endpoints.outbox.run()
        return .other
      }
      group.addTask {
        await collection.telemetry.run(collection.views)
        return .other
      }
      group.addTask {
        await collectTelemetry()
        return .other
      }
      group.addTask {
        for await _ in endpoints.demand { await endpoints.meetDemand() }
        return .other
      }
      group.addTask {
        await tokens.recordUses { gate.isHandedOver }
        return .other
      }
      if let registrations {
        group.addTask {
          await registrations.run()
          return .other
        }
      }
      if let previousPlane {
        group.addTask {
          // Before that, the endpoints do not know of it.
          await accepting.wait()
          await previousPlane.untilGone()
          if !Task.isCancelled { await endpoints.forgetPreviousPlane() }
          return .other
        }
      }
      if let tls {
        group.addTask {
          while !Task.isCancelled {
            try? await Task.sleep(for: Self.certificateCheck)
            await BlockingWork.brief.run { tls.reloadIfChanged() }
          }
          return .other
        }
      }
      if settings.writesOwnLog {
        group.addTask {
          await limitLog()
          return .other
        }
      }
      try await serve(after: previousPlane)
      if !Task.isCancelled, !gate.isHandedOver {
        await endpoints.stop()
        group.addTask {
          try await shutdown.endReplicas()
          await unattended.wait(atMost: Self.settling)
          return .replicasEnded
        }
        while let part = try await group.next(), part == .other {}
        await collection.finish()
      }
      group.cancelAll()
    }
    guard !gate.isHandedOver else { return }
    await startup.close()
    unlink(settings.takeoverPath)
  }

  /// Limits the plane's own log. During a takeover, two planes write to it, and only one of them may limit it.
  private func limitLog() async {
    let (file, limit) = (OutputFile(settings.logPath), settings.logLimit)
    await accepting.wait()
    while !Task.isCancelled, !gate.isHandedOver {
      await BlockingWork.brief.run { file.rotate(limit: limit) }
      try? await Task.sleep(for: settings.timing.pollEvery)
    }
  }

  /// Collects telemetry of the replicas until they belong to another plane.
  private func collectTelemetry() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await collection.run() }
      group.addTask { await abandoned.wait() }
      await group.next()
      group.cancelAll()
    }
    collected.set()
  }

  /// Supervises the replicas until all have ended after a stop, or until they belong to another plane.
  private func superviseReplicas() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await endpoints.supervisor.run() }
      group.addTask { await abandoned.wait() }
      await group.next()
      group.cancelAll()
    }
    unattended.set()
  }

  /// Serves until the plane is asked to stop and requests are answered or time is up, or until it has handed over.
  private func serve(after previousPlane: PreviousPlane?) async throws {
    let listener = makeListener()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await server.run(on: sockets.all) {
          await startup.open(after: previousPlane)
          accepting.set()
        }
        return !gate.isHandedOver
      }
      group.addTask {
        try await gracefulShutdown()
        try await shutdown.finishRequests()
        return true
      }
      if let listener {
        group.addTask {
          let successor = await listener.handOver {
            abandoned.set()
            await unattended.wait(atMost: .seconds(5))
            // The successor continues to read where this plane has stopped.
            await collected.wait(atMost: .seconds(5))
            await collection.finish()
          }
          guard let successor else { return true }
          try await shutdown.finishAfterHandover()
          // The successor waits for our end before it ends a replica, and must wait for the plane before us too.
          await previousPlane?.untilGone()
          withExtendedLifetime(successor) {}
          return true
        }
      }
      while let isOver = try await group.next(), !isOver {}
      group.cancelAll()
    }
  }

  private func makeListener() -> TakeoverListener? {
    do {
      return try TakeoverListener(
        settings: settings, server: server, sockets: sockets, data: data, endpoints: endpoints, gate: gate, log: log)
    } catch {
      log.warning("takeover is not available", metadata: ["error": "\(error)"])
      return nil
    }
  }
}
