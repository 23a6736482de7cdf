package import Endpoints
package import Planning

extension EndpointStatus {
  /// What is to be told of an endpoint after a look at it; nil where it is none of the fleet's business.
  ///
  /// - Parameters:
  ///   - former: what was told before, from which `since` is carried on.
  ///   - withheld: why what was decided is not done at present, in words; nil: it is.
  ///   - withheldFor: the same as a word, where that says more than the decision's own reason.
  ///   - nextLook: when the controller looks again, where the decision names no time.
  ///   - commit: the source commit of what is desired.
  package init?(
    _ name: String, desired: Desired, observed: Observation, memory: Memory, decision: Decision,
    former: EndpointStatus?, withheld: String? = nil, withheldFor: Reason.Code? = nil,
    nextLook: Timestamp? = nil, commit: String? = nil, at now: Timestamp
  ) {
    let code = withheldFor ?? decision.reason.code
    if code == .notThisFleet { return nil }
    if case .none = desired, case .absent = observed { return nil }
    let phase = Phase(decision, desired: desired, observed: observed, isWithheld: withheld != nil)
    let isSame = former?.phase == phase && former?.reason == code
    let (next, nextAt) = Self.next(decision, isWithheld: withheld != nil, nextLook: nextLook, now: now)
    self.init(
      name: name, desired: Self.words(of: desired), live: Self.words(of: observed), phase: phase, reason: code,
      why: withheld ?? Self.why(decision, observed), since: isSame ? former?.since ?? now : now, next: next,
      nextAt: nextAt, commit: commit ?? memory.revisions.last?.sourceCommit, lastLook: now, warnings: decision.warnings)
  }

  private static func words(of desired: Desired) -> String? {
    guard case .present(let endpoint, _) = desired else { return nil }
    return endpoint.config.words(aliases: endpoint.resolvedAliases)
  }

  private static func words(of observed: Observation) -> String? {
    guard case .present(let live) = observed, let active = live.active else { return nil }
    return active.config.words()
  }

  /// The reason's words; while the provider works, what its servers say; else the reason itself.
  private static func why(_ decision: Decision, _ observed: Observation) -> String {
    if !decision.reason.detail.isEmpty { return decision.reason.detail }
    if decision.action == .none, decision.reason.code == .inSync { return "" }
    if case .wait = decision.next, case .present(let live) = observed, !live.deploymentWords.isEmpty {
      return live.deploymentWords
    }
    return decision.degraded ?? decision.blockedBy ?? decision.reason.code.rawValue
  }

  private static func next(
    _ decision: Decision, isWithheld: Bool, nextLook: Timestamp?, now: Timestamp
  ) -> (String?, Timestamp?) {
    // Nothing is sent then; at the next look it is decided anew.
    if isWithheld { return ("check again", nextLook) }
    switch decision.next {
    case .call(let operation): return ("send \(operation.call)", now)
    case .verify: return ("verify", now)
    case .checkTarget: return ("check whether the previous version can be served", now)
    case .record: return ("record the observed state", now)
    case .wait(let time):
      let isBackOff = decision.reason.code == .retrying || decision.reason.code == .refused
      let resumed = isBackOff ? decision.operations.first.map { "send \($0.call)" } : nil
      return (resumed ?? "check again", now + time)
    case .rest: return (nextLook == nil ? nil : "check again", nextLook)
    }
  }
}

extension Phase {
  /// - Parameter isWithheld: whether what was decided is not done at present.
  package init(_ decision: Decision, desired: Desired, observed: Observation, isWithheld: Bool = false) {
    let code = decision.reason.code
    switch decision.action {
    case .hold where code == .blocked:
      // A provider that cannot be read is asked again; what is unknown of the source, or not registered yet, is waited for.
      if case .present = desired, case .unreadable = observed { self = .degraded } else { self = .blocked }
    case .hold: self = code == .unhealthy ? .degraded : .held
    case .none:
      self = code == .pruningOff || code == .notRecordedHere ? .withheld : .inSync
    case _ where isWithheld: self = .withheld
    case _ where code == .retrying || code == .overdue: self = .degraded
    case .create: self = .creating
    case .update: self = .updating
    case .rollback: self = .rollingBack
    case .delete: self = .deleting
    case .adopt: self = .adopting
    }
  }
}

extension EndpointConfig {
  /// In a few words: `main.support.qwen3/7 (@champion), A10 Small`, each entity with its share where there are several.
  package func words(aliases: [String: String] = [:]) -> String {
    entities.map { entity in
      let alias = aliases[entity.name].map { " (\($0))" } ?? ""
      let compute = [Workload.name(entity.workloadType), entity.sizeText].compactMap(\.self).joined(separator: " ")
      let share = entities.count == 1 ? "" : " \(entity.traffic)%"
      return "\(entity.entityName)/\(entity.entityVersion)\(alias), \(compute)\(share)"
    }.joined(separator: "; ")
  }
}

extension Workload {
  /// People's word for the API's.
  fileprivate static func name(_ apiWord: String) -> String { String(shown(apiWord).prefix { $0 != " " }) }
}
