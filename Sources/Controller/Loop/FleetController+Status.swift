internal import Endpoints
package import History
internal import Logging
internal import Planning
internal import Scheduling
internal import ServingAPI

extension Phase {
  /// Whether the controller is changing the endpoint.
  fileprivate var isChange: Bool {
    switch self {
    case .creating, .updating, .rollingBack, .deleting, .adopting: true
    case .inSync, .held, .withheld, .degraded, .blocked, .unknown: false
    }
  }
}

extension FleetController {
  /// The state of an endpoint beyond its status, for metrics.
  struct ReportedState: Sendable {
    /// Since when it has been desired without ever being ready.
    var firstWantedAt: Timestamp?
    /// Since when the live config has differed from the good one.
    var driftSince: Timestamp?
    /// Whether a problem was reported that is not over yet.
    var isInTrouble = false
    /// Whether the rollback in progress was reported; nil: not known yet after the start.
    var isRollbackReported: Bool?
  }

  /// Records an assessment: the endpoint's status, and the notifications that follow from a change of it.
  func saw(
    _ assessment: Reconciler.Assessment, _ withheld: WriteRules.Withholding?, _ entry: FleetView.Entry, _ id: String
  ) async {
    let name = assessment.name
    let former = statuses[name]
    let now = reconciler.now()
    let status = EndpointStatus(
      name, desired: assessment.desired, observed: assessment.observed, memory: assessment.recorded.memory,
      decision: assessment.decision,
      former: former, withheld: withheld?.why, withheldFor: withheld?.code,
      nextCheck: withheld?.until ?? now + options.interval,
      commit: entry.commit, at: now)
    guard let status else { return forget(name) }
    statuses[name] = status
    // The same refusal is reported again if something else came in between.
    if status.phase != .blocked { refused[name] = nil }
    if case .unreadable = assessment.observed { unreadable.insert(name) } else { unreadable.remove(name) }
    if former.map({ $0.says(sameAs: status) }) != true { unsaved.insert(name) }
    measure(assessment, status, now)
    let change = StatusChange(
      to: status, wasInTrouble: reported[name]?.isInTrouble ?? false, formerReason: former?.reason)
    let memory = assessment.recorded.memory
    if memory.attempt?.kind != .rollback, assessment.decision.action != .rollback {
      reported[name]?.isRollbackReported = false
    } else if reported[name]?.isRollbackReported == nil, memory.hasSentRollback {
      // An earlier controller reported it when it sent it.
      reported[name]?.isRollbackReported = true
    }
    guard former?.phase != status.phase || former?.reason != status.reason else { return }
    // An event is logged when it is recorded.
    if change.event == nil {
      let why = LoggedReasons.joined(logged.text(status.why, of: name))
      log.info(
        "\(status.phase.text)\(why)",
        metadata: ["endpoint": "\(name)", "reconcile": "\(id)"])
    }
    reported[name]?.isInTrouble = change.isInTrouble
    if let (what, why) = change.event { await note(what, why: why, commit: entry.commit, of: name, run: id) }
    if let (kind, what) = change.notification { post(kind, what, of: status, commit: entry.commit) }
  }

  private func post(_ kind: FleetNotification.Kind, _ what: String, of status: EndpointStatus, commit: String?) {
    parts.notifications.post(
      FleetNotification(
        kind: kind, endpoint: status.name, what: what, why: status.why, commit: commit, at: status.lastCheck,
        fleet: options.fleet, target: reconciler.provider.target.url))
  }

  /// Reports a rollback when its config is about to be sent. One that is retried, or repeated, is reported once.
  func reportRollback(_ assessment: Reconciler.Assessment, _ entry: FleetView.Entry) {
    let name = assessment.name
    guard assessment.recorded.memory.attempt?.kind == .rollback, reported[name]?.isRollbackReported != true,
      let status = statuses[name]
    else { return }
    reported[name]?.isRollbackReported = true
    post(.rollback, StatusChange(to: status, wasInTrouble: false).rollbackText, of: status, commit: entry.commit)
    parts.metrics.rolledBack(name)
  }

  private func measure(_ assessment: Reconciler.Assessment, _ status: EndpointStatus, _ now: Timestamp) {
    let name = assessment.name
    var reported = reported[name] ?? ReportedState()
    var isReady = false
    if case .present(let live) = assessment.observed { isReady = live.readiness == .ready }
    if case .present = assessment.desired, case .absent = assessment.observed, reported.firstWantedAt == nil {
      reported.firstWantedAt = now
    }
    if isReady, let since = reported.firstWantedAt {
      parts.metrics.firstReady(seconds: now - since)
      reported.firstWantedAt = nil
    }
    reported.driftSince = status.reason == .drift ? reported.driftSince ?? now : nil
    self.reported[name] = reported
    parts.metrics.endpoint(
      name, ready: isReady, quarantined: status.reason == .quarantined, driftSince: reported.driftSince,
      phase: status.phase.rawValue, reason: status.reason?.rawValue)
  }

  /// Records when an endpoint whose check failed was checked, and when it is checked again: the queue decides that, and
  /// not the decision.
  func scheduleRetry(of name: String) {
    guard let status = statuses[name], let ready = queue.readyTime(of: name) else { return }
    let now = reconciler.now()
    statuses[name] = status.failedCheck(at: now, nextAt: now + max(.zero, ready - parts.elapsed()))
    unsaved.insert(name)
  }

  /// Forgets an endpoint that is neither desired nor live.
  func forget(_ name: String) {
    if statuses.removeValue(forKey: name) != nil { unsaved.insert(name) }
    reported[name] = nil
    refused[name] = nil
    unreadable.remove(name)
    logged.forget(name)
    parts.metrics.removed(name)
  }

  /// The report on the fleet as a whole.
  var report: FleetReport {
    var problems = sourceProblems
    if let problem = lists.problem { problems.append("the provider's list of endpoints cannot be read: \(problem)") }
    if let registryProblem { problems.append("versions cannot be resolved: \(registryProblem)") }
    if let pause = parts.pause() { problems.append(pause.problem) }
    return FleetReport(
      interval: options.interval, commit: view.commit, problems: problems,
      stoppedAt: isStopping ? reconciler.now() : nil, mode: options.mode.rawValue,
      startArguments: options.startArguments)
  }

  /// The status of the whole fleet, for people.
  package var fleetStatus: FleetStatus {
    FleetStatus(
      fleet: options.fleet, target: reconciler.provider.target.url, lastSync: lastSync, report: report,
      endpoints: statuses.values.sorted { $0.name < $1.name })
  }

  /// Reports a pause and its end once each, as an event of the fleet. An event that cannot be recorded is repeated by
  /// the next call.
  func reportPause() async {
    let (pause, former) = (parts.pause(), reportedPause)
    guard pause != former else { return }
    // Before the event is recorded, so that no other call records it too.
    reportedPause = pause
    // What the pause affects is checked now, so that its status does not remain the previous one until the next interval.
    for status in statuses.values {
      let isAffected = pause == nil ? status.phase == .withheld : status.phase.isChange
      if isAffected { queue.add(status.name, priority: .resync) }
    }
    let isRecorded =
      if let pause {
        await note("paused by \(pause.cause)", why: pause.why)
      } else {
        await note("resumed")
      }
    if !isRecorded, reportedPause == pause { reportedPause = former }
  }

  /// What has not been read or checked since the start, and why; empty: the controller is working.
  package var missingReadings: [String] {
    var missing: [String] = []
    if lastSync == nil {
      missing.append("the source has not been read yet" + (sourceProblems.first.map { ": \($0)" } ?? ""))
    }
    if lists.lastSuccess == nil {
      missing.append("the provider's endpoints have not been listed yet" + (lists.problem.map { ": \($0)" } ?? ""))
    }
    if missing.isEmpty, let (count, all) = uncheckedCount() {
      missing.append("endpoints not checked yet: \(count) of \(all)")
    }
    return missing
  }

  /// Continues from an earlier controller's statuses, so that nothing is reported twice. Their endpoints are checked
  /// once the source has been read.
  package func loadStatuses() async throws {
    let fleet = try await reconciler.history.status(
      of: FleetKey(host: reconciler.provider.target.url, name: options.fleet))
    let saved = fleet?.endpoints ?? []
    if let problem = fleet?.report.problems.first(where: Pause.isPause) {
      reportedPause = parts.pause().flatMap { $0.problem == problem ? $0 : nil } ?? Pause.former
    }
    statuses = Dictionary(saved.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    for (name, status) in statuses {
      reported[name] = ReportedState(isInTrouble: StatusChange(to: status, wasInTrouble: false).isInTrouble)
    }
    isMassDeletionReported = saved.contains { $0.reason == .massDeletion }
  }
}

extension Memory {
  /// Whether the open attempt is a rollback and the result of a call for it is recorded.
  fileprivate var hasSentRollback: Bool {
    guard let attempt, attempt.kind == .rollback else { return false }
    return attempt.acceptance != nil || backoffs[.config]?.digest == attempt.digest
  }
}
