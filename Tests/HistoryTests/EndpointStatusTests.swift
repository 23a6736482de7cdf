import CanonicalJSON
import Endpoints
import History
import Planning
import Testing

@Suite struct EndpointStatusTests {
  private let now = Timestamp(milliseconds: 1_767_225_600_000)

  private func config(_ version: String) -> EndpointConfig {
    EndpointConfig(entities: [
      ServedEntity(entityName: "main.support.qwen3", entityVersion: version, workloadType: "GPU_MEDIUM")
    ])
  }

  private func live(_ version: String, message: String = "") -> ObservedEndpoint {
    let deployments =
      message.isEmpty ? [:] : ["qwen3-4": ObservedConfig.Deployment(state: "DEPLOYMENT_CREATING", message: message)]
    return ObservedEndpoint(
      name: "chat", id: "id", active: ObservedConfig(version: 5, config: config(version), deployments: deployments),
      pending: nil, readiness: .ready, update: .notUpdating, tags: [:], lastUpdated: 1)
  }

  private func status(
    _ decision: Decision, desired: Desired? = nil, observed: Observation? = nil, former: EndpointStatus? = nil,
    withheld: String? = nil, nextCheck: Timestamp? = nil
  ) -> EndpointStatus? {
    let endpoint = DesiredEndpoint(name: "chat", config: config("4"), resolvedAliases: ["qwen3-4": "@champion"])
    return EndpointStatus(
      "chat", desired: desired ?? .present(endpoint), observed: observed ?? .present(live("3")), memory: Memory(),
      decision: decision, former: former, withheld: withheld, nextCheck: nextCheck, commit: "1a2b3c4", at: now)
  }

  private let put = Operation.updateConfig(name: "chat", config: EndpointConfig(entities: []))

  @Test func `a status shows the desired and live state, the reason, and the next step with its time`() throws {
    let shown = try #require(
      status(Decision(.update, Reason(.specChanged, "the alias moved"), next: .call(put), operations: [put])))
    #expect(shown.desired == "main.support.qwen3/4 (@champion), A10 Small")
    #expect(shown.live == "main.support.qwen3/3, A10 Small")
    #expect(shown.phase == .updating)
    #expect(shown.why == "the alias moved")
    #expect(shown.next == "send PUT /api/2.0/serving-endpoints/chat/config")
    #expect(shown.nextAt == now)
    #expect(shown.commit == "1a2b3c4")
  }

  @Test func `a live config that differs only in flags or settings is not called the same`() throws {
    let wait = Decision(.update, Reason(.updating), next: .wait(.seconds(10)))
    let same = try #require(status(wait, observed: .present(live("4"))))
    #expect(same.live == "main.support.qwen3/4, A10 Small" && same.differences.isEmpty)
    let flags = EndpointConfig(entities: [
      ServedEntity(
        entityName: "main.support.qwen3", entityVersion: "4", workloadType: "GPU_MEDIUM",
        environment: [EngineArguments.variable: "[\"--enforce-eager\"]", "LEVEL": "INFO"])
    ])
    let desired = Desired.present(DesiredEndpoint(name: "chat", config: flags))
    let differing = try #require(status(wait, desired: desired, observed: .present(live("4"))))
    #expect(differing.live == "main.support.qwen3/4, A10 Small")
    #expect(differing.differences == ["environment.LEVEL", "engine"])
    #expect(differing.desiredDigest == flags.digest && differing.desiredDigest != same.desiredDigest)
    #expect(!differing.says(sameAs: same))
    var tagging = Decision(.update, Reason(.settingsChanged), next: .call(put))
    tagging.tagPatch = TagPatch(add: ["team": "support", FleetTags.fleet: "f"])
    let tagged = try #require(status(tagging, observed: .present(live("4"))))
    #expect(tagged.live == "main.support.qwen3/4, A10 Small" && tagged.differences == ["tags.team"])
    let older = try #require(status(wait, desired: desired))
    #expect(older.live == "main.support.qwen3/3, A10 Small" && older.differences.isEmpty, "the version shows it")
  }

  @Test func `while the provider works, its replicas' messages give the reason`() {
    let waiting = Decision(.update, Reason(.updating), next: .wait(.seconds(10)))
    let shown = status(waiting, observed: .present(live("3", message: "loading weights")))
    #expect(shown?.why == "qwen3-4: loading weights")
    #expect(shown?.next == "check again")
    #expect(shown?.nextAt == now + .seconds(10))
  }

  private static let call = Operation.delete(name: "chat")

  @Test(arguments: [
    (Decision(.none, Reason(.inSync), next: .rest), Phase.inSync, false),
    (Decision(.create, Reason(.doesNotExist), next: .call(call)), .creating, false),
    (Decision(.update, Reason(.specChanged), next: .call(call)), .updating, false),
    (Decision(.update, Reason(.overdue, "x"), next: .wait(.seconds(1))), .degraded, true),
    (Decision(.update, Reason(.retrying, "x"), next: .wait(.seconds(1))), .degraded, false),
    (Decision(.rollback, Reason(.updateFailed), next: .call(call)), .rollingBack, false),
    (Decision(.rollback, Reason(.wentBack), next: .call(call)), .updating, false),
    (Decision(.delete, Reason(.manifestRemoved), next: .call(call)), .deleting, false),
    (Decision(.adopt, Reason(.adoption), next: .call(call)), .adopting, false),
    (Decision(.hold, Reason(.quarantined, "x"), next: .rest), .held, true),
    (Decision(.hold, Reason(.rolledBack, "x"), next: .rest), .held, false),
    (Decision(.hold, Reason(.suspended, "x"), next: .rest), .held, false),
    (Decision(.hold, Reason(.conflict, "x"), next: .rest), .held, true),
    (Decision(.hold, Reason(.unhealthy, "x"), next: .wait(.seconds(1))), .degraded, true),
    (Decision(.none, Reason(.pruningOff), next: .rest), .withheld, false),
  ])
  func `each decision has its phase`(decision: Decision, phase: Phase, needsPerson: Bool) {
    let shown = status(decision)
    #expect(shown?.phase == phase)
    #expect(shown?.needsPerson == needsPerson)
    #expect(phase == .inSync || shown?.why.isEmpty == false)
  }

  @Test func `an endpoint that cannot be compared names the source or the provider as the cause`() {
    let blocked = Decision(.hold, Reason(.blocked, "x"), next: .rest)
    #expect(status(blocked, desired: .unknown("no such alias"))?.phase == .blocked)
    #expect(status(blocked, observed: .unreadable("503"))?.phase == .degraded)
    #expect(status(blocked, desired: Desired.none, observed: .unreadable("503"))?.phase == .degraded)
    #expect(status(blocked, desired: .unknown("no such alias"))?.desired == nil)
  }

  @Test func `a withheld change has its reason and announces no write`() {
    let update = Decision(.update, Reason(.specChanged), next: .call(put), operations: [put])
    let later = now + .seconds(3600)
    let withheld = status(update, withheld: "the change window opens at 09:00", nextCheck: later)
    #expect(withheld?.phase == .withheld)
    #expect(withheld?.why == "the change window opens at 09:00")
    #expect(withheld?.next == "check again")
    #expect(withheld?.nextAt == later)
  }

  @Test func `since is kept while phase and reason stay the same`() throws {
    let hold = Decision(.hold, Reason(.quarantined, "x"), next: .rest)
    let first = try #require(status(hold))
    let earlier = EndpointStatus(
      name: "chat", phase: first.phase, reason: first.reason, since: Timestamp(milliseconds: 5), lastCheck: now)
    #expect(status(hold, former: earlier)?.since == Timestamp(milliseconds: 5))
    #expect(status(Decision(.hold, Reason(.stalled, "x"), next: .rest), former: earlier)?.since == now)
  }

  @Test func `an endpoint of another fleet, or one neither desired nor live, has no status`() {
    #expect(status(Decision(.none, Reason(.notThisFleet), next: .rest), desired: Desired.none) == nil)
    #expect(status(Decision(.none, Reason(.inSync), next: .rest), desired: Desired.none, observed: .absent) == nil)
  }

  @Test func `observation times alone do not make a status new`() throws {
    let wait = Decision(.update, Reason(.updating, "x"), next: .wait(.seconds(10)))
    let one = try #require(status(wait))
    let later = EndpointStatus(
      name: one.name, desired: one.desired, desiredDigest: one.desiredDigest, live: one.live, phase: one.phase,
      reason: one.reason, why: one.why, since: one.since, next: one.next, nextAt: now + .seconds(99),
      commit: one.commit, lastCheck: now + .seconds(5))
    #expect(later.says(sameAs: one))
    let other = EndpointStatus(name: one.name, phase: one.phase, reason: one.reason, since: one.since, lastCheck: now)
    #expect(!other.says(sameAs: one))
  }

  @Test func `a fleet's status survives a round trip through JSON`() throws {
    let full = EndpointStatus(
      name: "chat", desired: "d", desiredDigest: config("4").digest, live: "l", differences: ["engine", "tags.team"],
      phase: .held, reason: .quarantined, why: "w", since: now, next: "check again",
      nextAt: Timestamp(milliseconds: 1_767_225_600_042), commit: "c", lastCheck: now, warnings: ["x"])
    let bare = EndpointStatus(name: "bare", phase: .unknown, since: now, lastCheck: now)
    let statuses = [
      FleetStatus(
        fleet: "f", target: "t", lastSync: now,
        report: FleetReport(
          interval: .seconds(60), commit: "c", problems: ["p"], stoppedAt: now, mode: "observe",
          startArguments: ["-f", "/m"]),
        endpoints: [full, bare], isControllerRunning: false),
      FleetStatus(fleet: "f", target: "t", lastSync: nil, endpoints: []),
    ]
    for status in statuses {
      #expect(try FleetStatus(json: JSONValue(parsing: status.json.text(.pretty))) == status)
    }
    #expect(statuses[0].json["lastSync"] == "2026-01-01T00:00:00Z")
    #expect(statuses[0].json["summary"] == ["held": 1, "unknown": 1])
    #expect(statuses[0].json["endpoints"]?.arrayValue?.first?["differences"] == ["engine", "tags.team"])
    #expect(statuses[0].json["endpoints"]?.arrayValue?.first?["nextAt"] == "2026-01-01T00:00:00.042Z")
  }

  @Test(arguments: [
    ("{}", "the status has no fleet"),
    (#"{"fleet":"f","target":"t","lastSync":"yesterday"}"#, "the status has a lastSync that is not a valid time"),
    (#"{"fleet":"f","target":"t","endpoints":[{"phase":"held"}]}"#, "an endpoint's status has no name"),
    (#"{"fleet":"f","target":"t","endpoints":[{"name":"a","phase":"held","why":""}]}"#, "the status of a has no since"),
  ])
  func `an invalid status reports what is missing`(text: String, words: String) throws {
    let json = try JSONValue(parsing: text)
    do {
      _ = try FleetStatus(json: json)
      Issue.record("it was read")
    } catch {
      #expect(error.description == words)
    }
  }

  @Test(
    arguments: [0, -1, 1, 1_767_225_600_042, 951_782_400_000, 951_868_799_999, -62_135_596_800_000] as [Int64])
  func `a time survives a round trip through text`(milliseconds: Int64) {
    let time = Timestamp(milliseconds: milliseconds)
    #expect(Timestamp(exactText: time.exactText) == time)
  }

  @Test(arguments: [
    "", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00.1Z", "+026-01-01T00:00:00Z",
  ])
  func `an invalid time is refused`(text: String) {
    #expect(Timestamp(exactText: text) == nil)
  }
}
