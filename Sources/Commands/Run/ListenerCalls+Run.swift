internal import CanonicalJSON
internal import Controller
internal import Durations
internal import History
internal import Planning

extension ListenerCalls {
  /// Creates the calls that the controller's listener serves.
  init(
    _ controller: FleetController, _ queue: KeyQueue, _ standing: LeadershipLog, pause: PauseFile,
    hook: WebhookReceiver?, metrics: ControllerMetrics, options: ControllerOptions,
    wake: @escaping @Sendable () -> Void, now: @escaping @Sendable () -> Int64
  ) {
    self.init(
      metrics: {
        metrics.queue(queue.metrics)
        return metrics.text(now: Timestamp(milliseconds: now()))
      },
      health: {
        // A hanging controller does not answer here, and a probe without an answer fails.
        _ = await controller.isStopping
        let longest = queue.metrics.longestRunning
        guard longest < options.runDeadline * 2 else {
          let time = DurationText.text(longest)
          return Probe(isHealthy: false, "a reconciliation has been running for \(time), twice its deadline")
        }
        return Probe(isHealthy: true, "ok")
      },
      readiness: { await Self.readiness(controller, standing) },
      status: { await controller.fleetStatus.json.text() },
      hook: hook.map { receiver in
        { @Sendable call in
          let response = receiver.response(to: call)
          if case .accepted = response { wake() }
          return response
        }
      },
      pause: { reason in
        try pause.pause(reason: reason)
        await Self.report(controller, standing)
        return "paused: \(reason); nothing changes until POST /resume, or until \(pause.path) is removed"
      },
      resume: {
        try pause.resume()
        await Self.report(controller, standing)
        wake()
        return "resumed"
      },
      sync: {
        wake()
        return "syncing the source now"
      })
  }

  /// Records a pause or its end at once: the next one may follow before the controller reads the file again. In
  /// standby, the active controller does.
  private static func report(_ controller: FleetController, _ standing: LeadershipLog) async {
    if case .active = standing.current { await controller.saveStatuses() }
  }

  private static func readiness(_ controller: FleetController, _ standing: LeadershipLog) async -> Probe {
    switch standing.current {
    case nil: return Probe(isHealthy: false, "starting")
    case .standby(let holder):
      return Probe(isHealthy: true, "standing by: the fleet's lease is held by \(holder ?? "another controller")")
    case .active:
      let missing = await controller.missingReadings
      return missing.isEmpty ? Probe(isHealthy: true, "ok") : Probe(isHealthy: false, missing.joined(separator: "; "))
    }
  }
}
