import LibYAML

/// Reads the rollout policy, and checks the rules between its fields.
struct RolloutDecoder {
  private let spec: Record
  private(set) var findings: [Finding] = []

  init(spec: Record) { self.spec = spec }

  mutating func policy() -> RolloutPolicy {
    guard let rollout = spec.record("rollout") else { return RolloutPolicy() }
    refuseSplit(rollout)
    return RolloutPolicy(
      deadline: rollout.duration("deadline"),
      onFailure: rollout.text("onFailure").flatMap(FailurePolicy.init) ?? .rollback,
      checks: (rollout.list("verify") ?? []).compactMap(\.record).map(Self.check), steps: steps(rollout),
      keepPrevious: rollout.boolean("keepPrevious") ?? false)
  }

  /// Refuses steps together with a list of entities, because both split the traffic.
  private mutating func refuseSplit(_ rollout: Record) {
    guard !spec.isAbsent("servedEntities") else { return }
    for name in ["steps", "keepPrevious"] {
      guard let location = rollout.location(of: name), rollout.boolean(name) != false,
        rollout.list(name)?.isEmpty != true
      else { continue }
      findings.append(
        Finding(
          at: location, path: "spec.rollout." + name,
          "conflicts with servedEntities, which split the traffic themselves",
          suggestion: "remove it, or use the flat fields"))
    }
  }

  private mutating func steps(_ rollout: Record) -> [RolloutStep] {
    var last = -1
    return (rollout.list("steps") ?? []).enumerated().compactMap { index, item in
      guard let step = item.record, let traffic = step.integer("traffic") else { return nil }
      if traffic <= last {
        findings.append(
          Finding(
            at: step.location(of: "traffic") ?? step.location, path: "spec.rollout.steps[\(index)].traffic",
            "\(traffic) must be more than the previous step's \(last)",
            suggestion: "each step must have more traffic than the previous one; 100% follows automatically"))
      }
      last = max(last, traffic)
      return RolloutStep(traffic: traffic, hold: step.duration("for") ?? .zero)
    }
  }

  private static func check(_ record: Record) -> VerificationCheck {
    let expect = record.record("expect")
    return VerificationCheck(
      prompt: record.text("chat") ?? "", expectedStatus: expect?.integer("status") ?? 200,
      contains: expect?.text("contains") ?? "", withinSeconds: expect?.number("withinSeconds") ?? 30)
  }
}
