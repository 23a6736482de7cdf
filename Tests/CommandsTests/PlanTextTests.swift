import CanonicalJSON
import Commands
import Endpoints
import Planning
import Testing

@Suite struct PlanTextTests {
  private let now = Timestamp(milliseconds: 1_767_225_600_000)

  private func observed(
    _ name: String, version: String, tags: [String: String] = ["setpoint-fleet": "default"],
    environment: [String: String] = [:]
  ) -> Observation {
    .present(
      ObservedEndpoint(
        name: name, id: name,
        active: ObservedConfig(version: 1, config: Manifests.config(version: version, environment: environment)),
        readiness: .ready, update: .notUpdating, tags: tags, lastUpdated: 1))
  }

  private func desired(
    _ name: String, version: String, environment: [String: String] = [:], tags: [String: String] = [:]
  ) -> Desired {
    .present(
      DesiredEndpoint(
        name: name, config: Manifests.config(version: version, environment: environment),
        sideSettings: SideSettings(tags: tags)))
  }

  private func plan(_ items: [PlanItem], prune: Bool = false, explain: Bool = false) -> Plan {
    Plan.make(
      target: "http://127.0.0.1:7387", items: items, now: now,
      options: PlanOptions(DecisionOptions(fleet: "default", prune: prune), isSourceWhole: true, explain: explain))
  }

  @Test func `an update shows its fields, their effect on the running replicas, and the calls`() {
    let item = PlanItem(
      name: "chat", desired: desired("chat", version: "2", environment: ["TOKEN": "new"], tags: ["team": "a"]),
      observed: observed("chat", version: "1", environment: ["TOKEN": "old"]))
    let lines = PlanText.lines(plan([item]))
    #expect(lines.first == "~ chat: update (spec changed)")
    #expect(lines.contains("    spec.entityVersion      1 → 2  [rolling]"), "\(lines)")
    #expect(lines.contains { $0.hasPrefix("    spec.tags.team          (none) → a") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("    effect: ") && $0.contains("new replicas") })
    #expect(lines.contains("    calls: PUT /api/2.0/serving-endpoints/chat/config"))
    #expect(lines.last == "1 to update, 0 unchanged.")
    #expect(!lines.joined().contains("new") || !lines.joined().contains("old → new"), "no environment value")
  }

  @Test func `engine flags that are added, changed or removed are shown as old and new value`() {
    let (one, other) = (#"["--max-model-len","512"]"#, #"["--max-model-len","256"]"#)
    for (old, new, words) in [
      (nil, one, "(none) → \(one)"), (one, other, "\(one) → \(other)"), (one, nil, "\(one) → (removed)"),
    ] as [(String?, String?, String)] {
      func environment(_ flags: String?) -> [String: String] { flags.map { [EngineArguments.variable: $0] } ?? [:] }
      let item = PlanItem(
        name: "chat", desired: desired("chat", version: "1", environment: environment(new)),
        observed: observed("chat", version: "1", environment: environment(old)))
      let lines = PlanText.lines(plan([item]))
      #expect(lines.contains("    spec.engine  \(words)  [rolling]"), "\(lines)")
    }
  }

  /// A plan while revision 2 is rolled out, or after it became ready unobserved.
  private func plan(isReady: Bool, checks: [VerificationCheck] = []) -> Plan {
    let (old, new) = (Manifests.config(version: "1"), Manifests.config(version: "2"))
    let policy = RolloutPolicy(checks: checks)
    let memory = Memory(
      revisions: [
        Revision(number: 1, digest: old.digest, config: old, recordedAt: now, outcome: .good, established: 1),
        Revision(number: 2, digest: new.digest, config: new, recordedAt: now),
      ],
      attempt: Attempt(
        digest: new.digest, kind: .update, revision: 2,
        base: .present(id: "chat", version: 1, lastUpdated: 1), openedAt: now, checksDigest: policy.checksDigest,
        acceptance: Attempt.Acceptance(at: now, version: 2)),
      endpointID: "chat")
    let (first, second) = (ObservedConfig(version: 1, config: old), ObservedConfig(version: 2, config: new))
    let live = ObservedEndpoint(
      name: "chat", id: "chat", active: isReady ? second : first, pending: isReady ? nil : second, readiness: .ready,
      update: isReady ? .notUpdating : .inProgress, tags: ["setpoint-fleet": "default"], lastUpdated: 2)
    let item = PlanItem(
      name: "chat", desired: .present(DesiredEndpoint(name: "chat", config: new, rollout: policy)),
      observed: .present(live), memory: memory)
    return plan([item])
  }

  @Test func `an update in progress shows what was sent and the next step`() {
    let sent = "    sent: PUT /api/2.0/serving-endpoints/chat/config for revision 2, at 2026-01-01T00:00:00Z"
    let lines = PlanText.lines(plan(isReady: false))
    #expect(lines.first == "~ chat: update (updating)")
    #expect(lines.contains("    waits for: an update to config version 2 in progress"), "\(lines)")
    #expect(!lines.contains { $0.hasPrefix("    effect: ") }, "\(lines)")
    #expect(lines.contains(sent), "\(lines)")
    #expect(lines.contains("    next: wait until revision 2 is ready, then record it as good"), "\(lines)")
    let checked = PlanText.lines(plan(isReady: false, checks: [VerificationCheck(prompt: "Say hello.")]))
    #expect(checked.contains("    next: wait until revision 2 is ready, then verify it"), "\(checked)")
    let ready = PlanText.lines(plan(isReady: true))
    #expect(ready.contains(sent) && ready.contains("    next: record revision 2 as good"), "\(ready)")
    let document = plan(isReady: true).json["changes"]?.arrayValue?.first?["sent"]
    #expect(document?["revision"] == 2 && document?["at"] == "2026-01-01T00:00:00Z")
    #expect(document?["next"] == "record revision 2 as good")
  }

  @Test func `a create shows its fields without an effect, because nothing is running yet`() {
    let lines = PlanText.lines(
      plan([PlanItem(name: "chat", desired: desired("chat", version: "2"), observed: .absent)]))
    #expect(lines.first == "+ chat: create (does not exist)")
    #expect(!lines.joined().contains("[rolling]"))
  }

  @Test func `a hold shows the reason, what is withheld and what to do, and the cause in the provider's words`() {
    let failed = Manifests.config(version: "2").digest
    let good = Manifests.config(version: "1")
    let held = HeldTag.encode(HeldConfig(digest: failed, cause: .failed, target: good.digest))
    let memory = Memory(
      revisions: [
        Revision(number: 1, digest: good.digest, config: good, recordedAt: now, outcome: .good, established: 1)
      ], endpointID: "chat")
    let item = PlanItem(
      name: "chat", desired: desired("chat", version: "2"),
      observed: observed("chat", version: "1", tags: ["setpoint-fleet": "default", "setpoint-held": held]),
      memory: memory)
    let lines = PlanText.lines(plan([item]), remarks: ["chat": ["why: out of memory\nthe log says so"]])
    #expect(lines.first == "! chat: hold (quarantined)")
    #expect(lines.contains("    why: out of memory"))
    #expect(lines.contains("      the log says so"))
    #expect(lines.contains("    withheld:"))
    #expect(lines.joined().contains("setpoint retry chat"))
    #expect(lines.last == "1 held, 0 unchanged.")
  }

  @Test func `a rollout in steps is one line of calls`() {
    let good = Manifests.config(version: "1")
    let memory = Memory(
      revisions: [
        Revision(number: 1, digest: good.digest, config: good, recordedAt: now, outcome: .good, established: 1)
      ], endpointID: "chat")
    let steps = [0, 10, 50].map { RolloutStep(traffic: $0) }
    let endpoint = DesiredEndpoint(
      name: "chat", config: Manifests.config(version: "2"), rollout: RolloutPolicy(steps: steps))
    let item = PlanItem(
      name: "chat", desired: .present(endpoint), observed: observed("chat", version: "1"), memory: memory)
    let calls = PlanText.lines(plan([item])).filter { $0.contains("calls:") }
    #expect(calls == ["    calls: PUT /api/2.0/serving-endpoints/chat/config, 4 times"], "\(calls)")
  }

  @Test(arguments: [(1, "No changes: 1 endpoint is in sync."), (2, "No changes: 2 endpoints are in sync.")])
  func `a plan without changes says so in one line`(count: Int, line: String) {
    let items = (0..<count).map { index in
      PlanItem(
        name: "chat-\(index)", desired: desired("chat-\(index)", version: "1"),
        observed: observed("chat-\(index)", version: "1"))
    }
    #expect(PlanText.lines(plan(items)) == [line])
  }

  @Test func `colors are used only on a color terminal`() {
    let plan = plan([PlanItem(name: "chat", desired: desired("chat", version: "2"), observed: .absent)])
    #expect(!PlanText.lines(plan).joined().contains("\u{1B}"))
    let palette = Palette(isColoured: true)
    #expect(PlanText.lines(plan, palette: palette).map(palette.printed).joined().contains("\u{1B}[32m+"))
  }
}
