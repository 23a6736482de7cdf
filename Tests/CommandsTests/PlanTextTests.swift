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
    #expect(lines.contains { $0.hasPrefix("    spec.tags.team          a") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("    effect: ") && $0.contains("new replicas") })
    #expect(lines.contains("    calls: PUT /api/2.0/serving-endpoints/chat/config"))
    #expect(lines.last == "1 to update, 0 unchanged.")
    #expect(!lines.joined().contains("new") || !lines.joined().contains("old → new"), "no environment value")
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
