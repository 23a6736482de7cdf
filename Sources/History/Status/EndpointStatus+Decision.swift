package import Endpoints
package import Planning

extension EndpointStatus {
  /// Creates the status of an endpoint after an observation; nil if the endpoint does not concern the fleet.
  ///
  /// - Parameters:
  ///   - former: the previous status, from which `since` is carried over.
  ///   - withheld: why the decision's step is withheld at present; nil: it is not.
  ///   - withheldFor: the reason code, if it is more specific than the decision's own.
  ///   - nextCheck: the controller's next check, if the decision names no time.
  ///   - commit: the source commit of the desired state.
  package init?(
    _ name: String, desired: Desired, observed: Observation, memory: Memory, decision: Decision,
    former: EndpointStatus?, withheld: String? = nil, withheldFor: Reason.Code? = nil,
    nextCheck: Timestamp? = nil, commit: String? = nil, at now: Timestamp
  ) {
    let code = withheldFor ?? decision.reason.code
    if code == .notThisFleet { return nil }
    if case .none = desired, case .absent = observed { return nil }
    let phase = Phase(decision, desired: desired, observed: observed, isWithheld: withheld != nil)
    let isSame = former?.phase == phase && former?.reason == code
    let (next, nextAt) = Self.next(decision, isWithheld: withheld != nil, nextCheck: nextCheck, now: now)
    self.init(
      name: name, desired: Self.summary(of: desired), desiredDigest: Self.digest(of: desired),
      live: Self.summary(of: observed), differences: Self.differences(of: observed, desired, decision), phase: phase,
      reason: code,
      why: withheld ?? Self.why(decision, observed), since: isSame ? former?.since ?? now : now, next: next,
      nextAt: nextAt, commit: commit ?? memory.revisions.last?.sourceCommit, lastCheck: now,
      warnings: decision.warnings)
  }

  private static func summary(of desired: Desired) -> String? {
    guard case .present(let endpoint, _) = desired else { return nil }
    return endpoint.config.summary(aliases: endpoint.resolvedAliases)
  }

  private static func digest(of desired: Desired) -> ConfigDigest? {
    guard case .present(_, let rollout) = desired else { return nil }
    return rollout.digest
  }

  private static func summary(of observed: Observation) -> String? {
    guard case .present(let live) = observed else { return nil }
    return live.active?.config.summary()
  }

  /// Returns the fields that differ although the short forms are the same.
  private static func differences(of observed: Observation, _ desired: Desired, _ decision: Decision) -> [String] {
    guard case .present(let live) = observed, let active = live.active,
      case .present(let endpoint, _) = desired, endpoint.config.summary() == active.config.summary()
    else { return [] }
    var fields = FieldDiff.changes(of: decision.tagPatch, on: live.tags) + decision.settingFields
    if !endpoint.config.isMet(by: active.config) {
      fields = FieldDiff.changes(from: active.config, to: endpoint.config) + fields
    }
    // Without the fleet, which is not part of a manifest.
    return fields.map(\.path).filter { $0.hasPrefix("spec.") }.map { String($0.dropFirst(5)) }
  }

  /// Returns the reason's text; while the provider works, its messages; otherwise the reason's code.
  private static func why(_ decision: Decision, _ observed: Observation) -> String {
    if !decision.reason.detail.isEmpty { return decision.reason.detail }
    if decision.action == .none, decision.reason.code == .inSync { return "" }
    if case .wait = decision.next, case .present(let live) = observed, !live.deploymentMessages.isEmpty {
      return live.deploymentMessages
    }
    return decision.degraded ?? decision.blockedBy ?? decision.reason.code.rawValue
  }

  private static func next(
    _ decision: Decision, isWithheld: Bool, nextCheck: Timestamp?, now: Timestamp
  ) -> (String?, Timestamp?) {
    // Nothing is sent then; the next check makes a new decision.
    if isWithheld { return ("check again", nextCheck) }
    switch decision.next {
    case .call(let operation): return ("send \(operation.call)", now)
    case .verify: return ("verify", now)
    case .checkTarget: return ("check whether the previous version can be served", now)
    case .record: return ("record the observed state", now)
    case .wait(let time):
      let isBackOff = decision.reason.code == .retrying || decision.reason.code == .refused
      let resumed = isBackOff ? decision.operations.first.map { "send \($0.call)" } : nil
      return (resumed ?? "check again", now + time)
    case .rest: return (nextCheck == nil ? nil : "check again", nextCheck)
    }
  }
}

extension Phase {
  /// - Parameter isWithheld: whether the decision's step is withheld at present.
  package init(_ decision: Decision, desired: Desired, observed: Observation, isWithheld: Bool = false) {
    let code = decision.reason.code
    switch decision.action {
    case .hold where code == .blocked:
      // A provider that cannot be read is retried; an unknown source, or a version that is not registered yet, is
      // waited for.
      switch (desired, observed) {
      case (.present, .unreadable), (.none, .unreadable): self = .degraded
      default: self = .blocked
      }
    case .hold: self = code == .unhealthy ? .degraded : .held
    case .none:
      self = code == .pruningOff || code == .notRecordedHere ? .withheld : .inSync
    case _ where isWithheld: self = .withheld
    case _ where code == .retrying || code == .overdue: self = .degraded
    case .create: self = .creating
    case .update: self = .updating
    case .rollback where code == .wentBack: self = .updating
    case .rollback: self = .rollingBack
    case .delete: self = .deleting
    case .adopt: self = .adopting
    }
  }
}

extension EndpointConfig {
  /// A short form: `main.support.qwen3/7 (@champion), A10 Small`, each entity with its share if there are several.
  package func summary(aliases: [String: String] = [:]) -> String {
    entities.map { entity in
      let alias = aliases[entity.name].map { " (\($0))" } ?? ""
      let compute = [Workload.name(entity.workloadType), entity.sizeText].compactMap(\.self).joined(separator: " ")
      let share = entities.count == 1 ? "" : " \(entity.traffic)%"
      return "\(entity.entityName)/\(entity.entityVersion)\(alias), \(compute)\(share)"
    }.joined(separator: "; ")
  }
}

extension Workload {
  /// Returns the name for people of an API value.
  fileprivate static func name(_ apiWord: String) -> String { String(shown(apiWord).prefix { $0 != " " }) }
}
