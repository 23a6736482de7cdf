import Endpoints
import Planning
import Testing

/// Combinations that no history leads to, too: memories of other machines, tags edited by hand, providers that
/// misbehave. For every input there is one decision, and it breaks no guarantee.
@Suite struct TotalityTests {
  private static let desired: [Desired] = [
    .none, .unknown("registry down"), .present(endpoint(v1)), .present(endpoint(v2, tags: ["team": "x"])),
    .present(endpoint(v2, checks: [check], onFailure: .hold, deletionPolicy: .retain)),
    .present(endpoint(v1, suspend: true)),
  ]

  private static let tags: [[String: String]] = [
    [:], mine, [FleetTags.fleet: "g"], [FleetTags.fleet: "f", FleetTags.retain: "true"],
    [FleetTags.fleet: "f", FleetTags.held: "damaged"], [FleetTags.fleet: "f", FleetTags.owns: "#,,x", "x": "1"],
  ]

  private static let holds: [HeldConfig?] = [
    nil, HeldConfig(digest: v2.digest, cause: .failed, target: v1.digest),
    HeldConfig(digest: v1.digest, cause: .verification, target: v3.digest, circumstances: v3.digest),
    HeldConfig(digest: v2.digest, cause: .canceled, target: nil),
    HeldConfig(digest: v2.digest, cause: .rollback, target: v1.digest, isStalled: true),
  ]

  private static let observed: [Observation] =
    [.absent, .unreadable("503")]
    + tags.flatMap { tags in
      holds.flatMap { held in
        [
          live(v1, tags: tags, held: held), live(v2, version: 6, tags: tags, held: held),
          live(nil, pending: v2, ready: .notReady, update: .failed, tags: tags, held: held),
          live(v1, pending: v2, update: .inProgress, tags: tags, held: held, lastUpdated: 200),
          live(foreign, version: 9, ready: .unknown("?"), update: .canceled, tags: tags, held: held, id: "x"),
          live(v1, pending: v2, update: .unknown("?"), tags: tags, held: held, name: "databricks-x"),
        ].map { .present($0) }
      }
    }

  private static let attempts: [Attempt?] = [
    nil, attempt(v2), attempt(v2, base: .absent), attempt(v2, announced: 6), attempt(v1, .rollback, announced: 6),
    attempt(v2, age: .seconds(100_000), announced: 6, verification: verification(.inconclusive("503"))),
    attempt(v2, refusal: .init(cause: .ours, message: "400")), attempt(v3, revision: 99),
    attempt(v1, verification: verification(.failed("no"))),
  ]

  private static let memories: [Memory] = attempts.flatMap { attempt in
    [
      Memory(attempt: attempt), Memory(revisions: revisions((v1, .good), (v2, .superseded)), attempt: attempt),
      Memory(
        revisions: [Revision(number: 7, digest: v1.digest, config: nil, recordedAt: now, established: 1)],
        attempt: attempt, heldWhileAbsent: HeldConfig(digest: v2.digest, cause: .refused, target: nil),
        backoffs: [
          .tags: TransientFailure(digest: nil, failures: 1, until: now + .seconds(9), message: "403", isRefusal: true),
          .config: TransientFailure(digest: v2.digest, failures: 99, until: now + .seconds(9), message: "429"),
        ],
        targetCheck: .init(digest: v1.digest, at: now, problem: "gone"), endpointID: "id", lastVersion: 3),
    ]
  }

  @Test(arguments: [false, true], [false, true])
  func `every input has exactly one decision, and it breaks no guarantee`(adopt: Bool, prune: Bool) {
    let options = DecisionOptions(fleet: "f", adopt: adopt, prune: prune)
    for desired in Self.desired {
      for observed in Self.observed {
        for memory in Self.memories {
          let decision = decide(
            desired: desired, observed: observed, memory: memory, now: now, options: options)
          let again = decide(desired: desired, observed: observed, memory: memory, now: now, options: options)
          if let broken = broken(decision, again, desired, observed, memory, options) {
            Issue.record("\(broken): \(decision) for \(desired), \(observed), \(memory)")
          }
        }
      }
    }
  }

  private func broken(
    _ decision: Decision, _ again: Decision, _ desired: Desired, _ observed: Observation, _ memory: Memory,
    _ options: DecisionOptions
  ) -> String? {
    if decision != again { return "a second decision differs" }
    if case .record(let change) = decision.next, memory.applying(change) == memory { return "a record of nothing" }
    guard let operation = decision.next.operation else { return nil }
    if case .unknown = desired { return "a call on an unknown desired state" }
    guard case .present(let live) = observed else {
      if case .create = operation { return nil }
      return "a call on a missing endpoint"
    }
    if FleetTags.isReserved(endpoint: live.name) { return "a call on the platform's own endpoint" }
    switch operation {
    case .create: return "a create of an existing endpoint"
    case .delete:
      if live.isRetained || live.fleet != "f" || !options.prune || desired != .none { return "a forbidden deletion" }
    case .updateConfig(_, let config):
      if live.fleet != "f" { return "another fleet is written" }
      if live.update.isUpdating { return "an update is overwritten" }
      if HeldTag(tags: live.tags).held?.digest == config.digest { return "a held config is sent" }
      if memory.attempt?.digest != config.digest { return "it is sent without a record" }
    case .patchTags(_, let patch):
      if live.fleet != "f", !options.adopt || patch.add[FleetTags.fleet] != "f" { return "another fleet is tagged" }
      if patch.applied(to: live.tags) == live.tags { return "a patch of nothing" }
    case .changeSetting: return "an unmanaged setting is changed"
    }
    return nil
  }
}
