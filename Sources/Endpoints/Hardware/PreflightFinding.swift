/// The result of one check before anything is sent for an endpoint.
package struct PreflightFinding: Hashable, Sendable {
  package enum Outcome: String, Hashable, Sendable {
    case passed
    case warning
    /// It would certainly fail: nothing is sent for this endpoint.
    case refused
    /// Not possible yet, but perhaps soon.
    case waiting
    /// The query failed; it does not block.
    case notChecked = "not checked"
    /// The query gave no answer; it does not block.
    case notKnown = "not known"
  }

  package let rule: WorkspaceRule
  package let outcome: Outcome
  /// The result, or the reason why there is none, in a sentence.
  package let message: String

  package init(_ rule: WorkspaceRule, _ outcome: Outcome, _ message: String) {
    self.rule = rule
    self.outcome = outcome
    self.message = message
  }
}

extension RuleBook {
  /// Returns a finding with the rule's severity; nil if the rule is off.
  package func preflight(_ rule: WorkspaceRule, _ words: String) -> PreflightFinding? {
    switch severity(of: rule) {
    case .off: nil
    case .warn: PreflightFinding(rule, .warning, "\(words) \(way(past: rule))")
    case .refuse: PreflightFinding(rule, .refused, "\(words) \(way(past: rule))")
    }
  }
}

/// The assessments of a preflight on facts that were queried before. Pure.
package enum PreflightAssessment {
  /// Whether the caller may change the endpoint.
  ///
  /// - Parameter level: the endpoint's `permission_level` for the caller; nil if it is not reported.
  package static func permission(_ level: String?, rules: RuleBook) -> PreflightFinding? {
    switch level {
    case "CAN_MANAGE": PreflightFinding(.callerPermission, .passed, "the caller has CAN_MANAGE")
    case let level?:
      rules.preflight(.callerPermission, "the caller has \(level) on the endpoint, and a change requires CAN_MANAGE")
    case nil: PreflightFinding(.callerPermission, .notKnown, "the provider does not report the caller's permission")
    }
  }

  /// Whether the endpoint runs as the caller: a change is checked against the creator's grants, whoever makes it.
  package static func creator(_ creator: String?, caller: String?, rules: RuleBook) -> PreflightFinding? {
    guard let creator else {
      return PreflightFinding(.creatorIsDeployer, .notKnown, "the provider does not report the endpoint's creator")
    }
    guard let caller else {
      return PreflightFinding(.creatorIsDeployer, .notKnown, "the caller's name is unknown")
    }
    if creator == caller { return PreflightFinding(.creatorIsDeployer, .passed, "\(caller) created it and deploys it") }
    return rules.preflight(
      .creatorIsDeployer,
      "\(creator) created the endpoint and \(caller) deploys it; it runs as \(creator), who needs EXECUTE on the model "
        + "and access to the workspace; to change that, recreate the endpoint")
  }

  /// Returns findings from a version's facts about its entity at a workspace. Unknown facts cause no finding.
  package static func model(
    _ facts: ModelFacts, of entity: ServedEntity, on site: WorkspaceSite, rules: RuleBook
  ) -> [PreflightFinding] {
    [
      weights(facts, entity, site, rules), bfloat16(facts, entity, rules), task(facts, entity, rules),
      port(facts, entity, rules),
    ].compactMap(\.self)
  }

  private static func weights(
    _ facts: ModelFacts, _ entity: ServedEntity, _ site: WorkspaceSite, _ rules: RuleBook
  ) -> PreflightFinding? {
    guard !Workload.isCPU(entity.workloadType) else { return nil }
    guard let bytes = facts.weights else {
      return PreflightFinding(.weightsFit, .notKnown, "no registry reports the size of \(entity.version)")
    }
    guard let hardware = Hardware.of(entity.workloadType, on: site.cloud), let memory = hardware.memory else {
      return PreflightFinding(.weightsFit, .notKnown, "the memory of \(entity.workloadType) is unknown")
    }
    let share = rules.limit(of: .weightsFit)
    let room = Double(memory) * 1e9 * Double(100 - share) / 100
    let words = "the weights of \(entity.version) are \(gigabytes(bytes)) GB, and \(hardware) has \(memory) GB"
    if Double(bytes) <= room { return PreflightFinding(.weightsFit, .passed, words) }
    return rules.preflight(
      .weightsFit,
      words
        + (bytes > Int64(memory) * 1_000_000_000
          ? ": they do not fit" : ": less than \(share)% is left for the KV cache"))
  }

  /// Returns gigabytes with one decimal digit, independent of the locale.
  private static func gigabytes(_ bytes: Int64) -> String {
    let tenths = (bytes + 50_000_000) / 100_000_000
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func bfloat16(
    _ facts: ModelFacts, _ entity: ServedEntity, _ rules: RuleBook
  ) -> PreflightFinding? {
    guard let entrypoint = facts.entrypoint, !Workload.hasBFloat16(apiWord: entity.workloadType) else { return nil }
    guard EntrypointFlags(entrypoint)["--dtype"] == "bfloat16" else {
      return PreflightFinding(.bfloat16OnT4, .passed, "the entrypoint of \(entity.version) does not request bfloat16")
    }
    return rules.preflight(
      .bfloat16OnT4,
      "the entrypoint of \(entity.version) sets --dtype bfloat16, which a T4 does not support; register it with "
        + "float16, or use other hardware")
  }

  private static func task(_ facts: ModelFacts, _ entity: ServedEntity, _ rules: RuleBook) -> PreflightFinding? {
    guard let task = facts.task, facts.entrypoint != nil || !Workload.isCPU(entity.workloadType) else { return nil }
    if task == "llm/v1/chat" { return PreflightFinding(.entrypointTask, .passed, "the task is \(task)") }
    return rules.preflight(
      .entrypointTask, "the task of \(entity.version) is \(task); custom LLM serving first supported only llm/v1/chat")
  }

  private static func port(_ facts: ModelFacts, _ entity: ServedEntity, _ rules: RuleBook) -> PreflightFinding? {
    guard let entrypoint = facts.entrypoint else { return nil }
    let flags = EntrypointFlags(entrypoint)
    let wanted = rules.limit(of: .entrypointPort)
    // The default port is known for vLLM only.
    guard let port = flags["--port"] ?? (flags.isVLLM ? "8000" : nil) else { return nil }
    if port == String(wanted) { return PreflightFinding(.entrypointPort, .passed, "the entrypoint listens on \(port)") }
    return rules.preflight(
      .entrypointPort,
      "the entrypoint of \(entity.version) listens on \(port), but the workspace connects to \(wanted); write "
        + "--port \(wanted)"
    )
  }
}

extension ServedEntity {
  /// The version in messages.
  fileprivate var version: String { "\(entityName) version \(entityVersion)" }
}
