internal import Durations
internal import Endpoints
internal import History
internal import Logging
internal import Planning

// The preflight checks of a controller. A config that they refuse is treated like a version that is not registered yet:
// the desired state is unknown (row 1), so nothing is sent or held, and each check of the endpoint queries again.
extension FleetController {
  /// Returns the config that the next step begins to roll out, if it has to be checked first. A rollback is never kept
  /// waiting.
  func configToCheck(_ assessment: Reconciler.Assessment) -> Rollout? {
    guard parts.preflight != nil, assessment.decision.action != .rollback else { return nil }
    return assessment.decision.upcoming(assessment.recorded.memory)
  }

  /// Runs the preflight checks.
  ///
  /// - Returns: a new assessment, since the checks took time and no write is based on an old observation; or, if the
  ///   config is refused, this one with nothing to send.
  func check(
    _ assessment: Reconciler.Assessment, _ reconciler: Reconciler, _ entry: FleetView.Entry, _ id: String
  ) async throws -> Reconciler.Assessment {
    let name = assessment.name
    guard let why = try await refusal(of: assessment, id) else {
      refused[name] = nil
      return try await reconciler.assess(name, desired: assessment.desired)
    }
    if refused[name] != why {
      // The status is also that of the controller before a restart.
      let isKnown = statuses[name].map { $0.phase == .blocked && $0.why.contains(why) } ?? false
      refused[name] = why
      if !isKnown {
        await note("the preflight checks refuse the change", why: why, commit: entry.commit, of: name, run: id)
      }
    }
    return reconciler.withNothingToSend(assessment, because: why)
  }

  private func refusal(of assessment: Reconciler.Assessment, _ id: String) async throws -> String? {
    let item = PlanItem(
      name: assessment.name, desired: assessment.desired, observed: assessment.observed,
      memory: assessment.recorded.memory)
    let problem: String
    do {
      if let findings = try await parts.findings(item, assessment.decision) { return Preflight.refusal(findings) }
      problem = "they took longer than \(DurationText.text(ControllerParts.preflightLimit))"
    } catch let error as CancellationError {
      throw error
    } catch {
      problem = "\(error)"
    }
    log.info("no preflight checks: \(problem)", metadata: ["endpoint": "\(item.name)", "reconcile": "\(id)"])
    return nil
  }
}

extension ControllerParts {
  /// How long the checks of one endpoint may take: a registry that does not respond must not keep a change from being
  /// sent.
  fileprivate static let preflightLimit: Duration = .seconds(60)

  /// Returns the findings on a decision's config; nil if the checks took too long.
  fileprivate func findings(_ item: PlanItem, _ decision: Decision) async throws -> [PreflightFinding]? {
    guard let preflight else { return [] }
    return try await withThrowingTaskGroup(of: [PreflightFinding]?.self) { group in
      group.addTask { try await preflight(item, decision) }
      group.addTask {
        try await alarm(Self.preflightLimit)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}

extension Reconciler {
  /// Returns the assessment with a decision that sends nothing.
  func withNothingToSend(_ assessment: Assessment, because why: String) -> Assessment {
    Assessment(
      name: assessment.name, desired: assessment.desired, observed: assessment.observed,
      recorded: assessment.recorded,
      decision: decide(
        desired: .unknown(why), observed: assessment.observed, memory: assessment.recorded.memory, now: now(),
        options: options),
      readAt: assessment.readAt, failure: assessment.failure)
  }
}
