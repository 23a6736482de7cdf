import Endpoints
import Planning

// A small vocabulary for the tables of cases: one endpoint "chat" of the fleet "f".

func config(
  _ version: String, model: String = "main.support.qwen3", name: String? = nil, type: String = "CPU",
  size: String = "Small", environment: [String: String] = [:], traffic: Int = 100
) -> EndpointConfig {
  EndpointConfig(entities: [
    ServedEntity(
      name: name, entityName: model, entityVersion: version, workloadType: type, workloadSize: size,
      environment: environment, traffic: traffic)
  ])
}

func rollout(_ version: String) -> Rollout { Rollout(config(version)) }

let v1 = rollout("1")
let v2 = rollout("2")
let v3 = rollout("3")
let foreign = rollout("99")

func endpoint(
  _ rollout: Rollout = v1, tags: [String: String] = [:], checks: [VerificationCheck] = [],
  onFailure: FailurePolicy = .rollback, deletionPolicy: DeletionPolicy = .delete, suspend: Bool = false
) -> DesiredEndpoint {
  DesiredEndpoint(
    name: "chat", config: rollout.config, sideSettings: SideSettings(tags: tags),
    rollout: RolloutPolicy(deadline: .seconds(600), onFailure: onFailure, checks: checks),
    deletionPolicy: deletionPolicy, suspend: suspend)
}

let mine = [FleetTags.fleet: "f"]
let now = Timestamp(milliseconds: 1_700_000_000_000)
let check = VerificationCheck(prompt: "Say hello.")

/// A live endpoint of the fleet, ready, at config version 5, last changed at 100.
func live(
  _ active: Rollout? = v1, version: Int64 = 5, pending: Rollout? = nil, pendingVersion: Int64 = 6,
  startedAt: Timestamp? = nil, ready: Readiness = .ready, update: UpdateState = .notUpdating,
  tags: [String: String] = mine, held: HeldConfig? = nil, message: String = "", id: String = "id",
  lastUpdated: Int64 = 100,
  name: String = "chat"
) -> ObservedEndpoint {
  let deployments =
    message.isEmpty ? [:] : ["e": ObservedConfig.Deployment(state: "DEPLOYMENT_FAILED", message: message)]
  var tags = tags
  if let held { tags[FleetTags.held] = HeldTag.encode(held) }
  return ObservedEndpoint(
    name: name, id: id,
    active: active.map {
      ObservedConfig(version: version, config: $0.config, deployments: pending == nil ? deployments : [:])
    },
    pending: pending.map {
      ObservedConfig(
        version: pendingVersion, config: $0.config, deployments: deployments, startTime: startedAt?.milliseconds)
    },
    readiness: ready, update: update, tags: tags, lastUpdated: lastUpdated)
}

let base = Attempt.Base.present(id: "id", version: 5, lastUpdated: 100)

func attempt(
  _ rollout: Rollout, _ kind: Attempt.Kind = .update, base: Attempt.Base = base, age: Duration = .zero,
  announced: Int64? = nil, refusal: Attempt.Refusal? = nil, verification: Attempt.Verification? = nil,
  revision: Int = 2, checks: [VerificationCheck] = []
) -> Attempt {
  let openedAt = now + (.zero - age)
  return Attempt(
    digest: rollout.digest, kind: kind, revision: revision, base: base, openedAt: openedAt,
    checksDigest: RolloutPolicy(checks: checks).checksDigest,
    acceptance: announced.map { Attempt.Acceptance(at: openedAt, version: $0) }, refusal: refusal,
    verification: verification)
}

func verification(_ verdict: Verdict, age: Duration = .zero, lastAge: Duration = .zero) -> Attempt.Verification {
  Attempt.Verification(
    verdict: verdict, checksDigest: RolloutPolicy(checks: [check]).checksDigest, firstAskedAt: now + (.zero - age),
    lastAskedAt: now + (.zero - lastAge))
}

/// Revisions in order; the good ones were established in that order too.
func revisions(_ items: (Rollout, RevisionOutcome)...) -> [Revision] {
  items.enumerated().map { index, item in
    let isGood = item.1 == .good || item.1 == .found
    return Revision(
      number: index + 1, digest: item.0.digest, config: item.0.config, recordedAt: now, outcome: item.1,
      established: isGood ? index + 1 : nil)
  }
}

func decided(
  _ desired: DesiredEndpoint? = endpoint(), _ observed: ObservedEndpoint?, _ memory: Memory = Memory(),
  at moment: Timestamp = now, adopt: Bool = false, prune: Bool = false, fleet: String = "f"
) -> Decision {
  decide(
    desired: desired.map { .present($0) } ?? .none, observed: observed.map { .present($0) } ?? .absent, memory: memory,
    now: moment, options: DecisionOptions(fleet: fleet, adopt: adopt, prune: prune))
}

extension Step {
  var operation: Operation? { if case .call(let operation) = self { operation } else { nil } }
  var change: MemoryChange? { if case .record(let change) = self { change } else { nil } }
  var closing: RevisionOutcome? { if case .closed(let closing) = change { closing.outcome } else { nil } }
  var opened: Attempt? { if case .opened(let attempt, _, _) = change { attempt } else { nil } }

  /// As one word, for tables.
  var word: String {
    switch self {
    case .record(.found): "record found"
    case .record(.opened(let attempt, _, _)): "open \(attempt.kind.rawValue)"
    case .record(.closed(let closing)): "close \(closing.outcome.word)"
    case .record(.liftedWhileAbsent): "lift"
    case .record: "record"
    case .call(.create): "create"
    case .call(.updateConfig): "put"
    case .call(.patchTags(_, let patch)):
      "tags "
        + (patch.add.keys.sorted().map { "+\($0)" } + patch.remove.sorted().map { "-\($0)" }).joined(separator: " ")
    case .call(.delete): "delete"
    case .call(.changeSetting(_, let change)): "set \(change.kind.rawValue)"
    case .verify: "verify"
    case .checkTarget: "check"
    case .wait: "wait"
    case .rest: "rest"
    }
  }
}
