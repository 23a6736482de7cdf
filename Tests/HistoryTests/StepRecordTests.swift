import Endpoints
import History
import Planning
import Testing

/// A rollout in steps survives the process that started it.
@Suite struct StepRecordTests {
  private let key = EndpointKey(host: "http://127.0.0.1:7387", name: "chat")
  private let config = EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: "2")])

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_767_225_600_000 + seconds * 1000) }

  private func attempt(_ step: RolloutStep?) -> Attempt {
    Attempt(
      digest: config.digest, kind: .update, revision: 1, base: .present(id: "e", version: 1, lastUpdated: 5),
      openedAt: at(0), checksDigest: RolloutPolicy().checksDigest, step: step)
  }

  @Test(arguments: [
    nil, RolloutStep(traffic: 0), RolloutStep(traffic: 10, hold: .milliseconds(1500)), RolloutStep(traffic: 100),
  ])
  func `the step of an attempt is restored from disk`(step: RolloutStep?) async throws {
    try await withTemporaryDirectory { path in
      let writer = try HistoryStore.open(in: StateDirectory(path: path))
      try await writer.record([.opened(attempt(step), Rollout(config), RolloutOrigin())], of: key, at: at(0))
      let reader = try HistoryStore.open(in: StateDirectory(path: path))
      #expect(try await reader.memory(of: key).memory.attempt == attempt(step))
    }
  }

  @Test func `each step is an event, and a verification without requests is not`() async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      let first = attempt(RolloutStep(traffic: 0))
      let second = first.going(on: RolloutStep(traffic: 10), base: first.base, at: at(2))
      let whole = second.going(on: nil, base: first.base, at: at(3))
      try await store.record(
        [
          .opened(first, Rollout(config), RolloutOrigin(sourceCommit: "abc")),
          .verified(.passed, checksDigest: RolloutPolicy().checksDigest, at: at(1)), .advanced(second),
          .advanced(whole),
        ], of: key, at: at(0))
      let memory = try await store.memory(of: key).memory
      #expect(memory.attempt == whole)
      let events = try await store.events(of: key)
      #expect(
        events.map(\.what).filter { $0.contains("continuing with") || $0.contains("verification") }.sorted() == [
          "revision 1: continuing with 10% of the traffic", "revision 1: continuing with all of the traffic",
        ])
      #expect(events.allSatisfy { $0.sourceCommit == "abc" })
    }
  }

  @Test func `the manifest's rollout policy is restored from disk`() async throws {
    let policy = RolloutPolicy(
      deadline: .seconds(900), onFailure: .hold,
      checks: [VerificationCheck(prompt: "hi", expectedStatus: 201, contains: "Hello", withinSeconds: 2.5)],
      steps: [RolloutStep(traffic: 0), RolloutStep(traffic: 10, hold: .seconds(600))], keepPrevious: true)
    try await withTemporaryDirectory { path in
      let writer = try HistoryStore.open(in: StateDirectory(path: path))
      try await writer.record(
        [.opened(attempt(nil), Rollout(config), RolloutOrigin(policy: policy))], of: key, at: at(0))
      let reader = try HistoryStore.open(in: StateDirectory(path: path))
      #expect(try await reader.memory(of: key).memory.policy == policy)
    }
  }
}
