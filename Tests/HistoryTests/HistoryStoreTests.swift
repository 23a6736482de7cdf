import Endpoints
import History
import Planning
import Storage
import Testing

@Suite struct HistoryStoreTests {
  private let key = EndpointKey(host: "http://127.0.0.1:7387", name: "support-chat")

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_767_225_600_000 + seconds * 1000) }

  private func config(_ version: String, _ environment: [String: String] = [:]) -> EndpointConfig {
    EndpointConfig(entities: [
      ServedEntity(entityName: "main.support.qwen3", entityVersion: version, environment: environment)
    ])
  }

  private func opened(
    _ config: EndpointConfig, revision: Int, base: Attempt.Base = .absent, kind: Attempt.Kind = .update,
    correction: Correction? = nil, at second: Int64 = 0, commit: String? = nil
  ) -> MemoryChange {
    .opened(
      Attempt(
        digest: config.digest, kind: kind, revision: revision, base: base, openedAt: at(second), correction: correction,
        checksDigest: RolloutPolicy().checksDigest), Rollout(config), RolloutOrigin(sourceCommit: commit))
  }

  /// Changes that use every part of a memory.
  private var everything: [MemoryChange] {
    let one = config("1")
    let two = config("2", ["LEVEL": "INFO"])
    let base = Attempt.Base.present(id: "e1", version: 1, lastUpdated: 5, hadFailed: true)
    return [
      opened(one, revision: 1, commit: "abc123"),
      .received(
        .accepted(id: "e1", version: 1),
        .create(name: key.name, config: one, tags: [:], settings: CreateCallSettings()),
        at: at(1)),
      .closed(.init(.good, id: "e1", version: 1, at: at(2))),
      opened(two, revision: 2, base: base, at: 3),
      .received(
        .unavailable("try later", retryAfter: .seconds(40)), .updateConfig(name: key.name, config: two), at: at(4)),
      .closed(.init(.failed(.theirs, "no capacity"), id: "e1", version: 1, at: at(5))),
      opened(
        one, revision: 1, base: base, kind: .rollback,
        correction: Correction(target: one.digest, live: two.digest, at: at(6)), at: 6),
      .received(.refused("no such tag"), .patchTags(name: key.name, TagPatch(add: ["a": "b"])), at: at(7)),
      .received(.accepted(id: nil, version: 3), .updateConfig(name: key.name, config: one), at: at(8)),
      .verified(.inconclusive("503"), checksDigest: RolloutPolicy().checksDigest, at: at(9)),
      .received(
        .accepted(id: nil, version: nil),
        .changeSetting(name: key.name, .telemetry(TelemetrySettings(logsTable: "a.b.c"))), at: at(9)),
      .received(
        .refused("not for custom models"),
        .changeSetting(name: key.name, .gateway(GatewaySettings(usageTracking: true))), at: at(9)),
      .checkedTarget(Memory.TargetCheck(digest: two.digest, at: at(10), problem: "version 2 is gone")),
    ]
  }

  @Test func `a memory read from disk equals the one that its changes produced`() async throws {
    try await withTemporaryDirectory { path in
      var expected = Memory()
      let writer = try HistoryStore.open(in: StateDirectory(path: path))
      for change in everything {
        expected.apply(change)
        try await writer.record([change], of: key, at: at(0))
      }
      let reader = try HistoryStore.open(in: StateDirectory(path: path))
      let read = try await reader.memory(of: key, values: [config("9", ["LEVEL": "INFO"])])
      #expect(read.memory == expected)
      #expect(read.lostConfigs.isEmpty)
      #expect(read.version == Int64(everything.count))
    }
  }

  @Test func `recording changes together or one at a time has the same result`() async throws {
    let together = try HistoryStore.passing()
    let oneByOne = try HistoryStore.passing()
    try await together.record(everything, of: key, at: at(0))
    for change in everything { try await oneByOne.record([change], of: key, at: at(0)) }
    #expect(try await together.memory(of: key).memory == oneByOne.memory(of: key).memory)
    #expect(try await together.events(of: key) == oneByOne.events(of: key))
  }

  @Test(arguments: [
    MemoryChange.closed(
      .init(
        .refused("no such model"),
        heldWhileAbsent: HeldConfig(
          digest: RolloutPolicy().checksDigest, cause: .refused, target: nil,
          circumstances: RolloutPolicy().checksDigest, isStalled: true), at: Timestamp(milliseconds: 9))),
    .verified(.failed("expected Hello"), checksDigest: RolloutPolicy().checksDigest, at: Timestamp(milliseconds: 9)),
    .verified(.passed, checksDigest: RolloutPolicy().checksDigest, at: Timestamp(milliseconds: 9)),
    .received(.conflict("busy"), .delete(name: "support-chat"), at: Timestamp(milliseconds: 9)),
    .closed(.init(.canceled, at: Timestamp(milliseconds: 9))),
    .closed(.init(.superseded, at: Timestamp(milliseconds: 9))),
    .closed(.init(.unsent, at: Timestamp(milliseconds: 9))),
    .closed(.init(.failed(.ours, "vLLM stopped"), at: Timestamp(milliseconds: 9))),
    .found(Rollout(EndpointConfig(entities: [])), id: "e7", version: nil, at: Timestamp(milliseconds: 9)),
  ])
  func `every outcome is recorded`(change: MemoryChange) async throws {
    let store = try HistoryStore.passing()
    var expected = Memory()
    for change in [opened(config("1"), revision: 1), change] {
      expected.apply(change)
      try await store.record([change], of: key, at: at(0))
    }
    #expect(try await store.memory(of: key).memory == expected)
  }

  @Test func `a refusal of a config that may have arrived is recorded as that`() async throws {
    let store = try HistoryStore.passing()
    let two = config("2")
    let changes: [MemoryChange] = [
      opened(two, revision: 2),
      .received(
        .unavailable("it failed", retryAfter: nil, mayHaveArrived: true),
        .updateConfig(name: key.name, config: two), at: at(1)),
    ]
    var expected = Memory()
    for change in changes { expected.apply(change) }
    try await store.record(changes, of: key, at: at(0))
    let memory = try await store.memory(of: key).memory
    #expect(memory == expected && memory.attempt?.refusal?.mayHaveArrived == true)
    try await store.record(
      [.closed(.init(.unsent, because: "the manifest changed", at: at(60)))], of: key, at: at(60))
    let events = try await store.events(of: key)
    #expect(events.contains { $0.what == "revision 2 was given up after the provider failed once" })
  }

  @Test(arguments: [
    (0, "revision 2 was not sent"), (1, "revision 2 was given up after it was refused once"),
    (6, "revision 2 was given up after it was refused 6 times"),
  ])
  func `an attempt that is given up is reported with the number of refusals and the reason`(
    refusals: Int, words: String
  ) async throws {
    let store = try HistoryStore.passing()
    let two = config("2")
    var changes = [opened(two, revision: 2)]
    for second in 0..<refusals {
      changes.append(
        .received(.missing("no secret"), .updateConfig(name: key.name, config: two), at: at(Int64(second))))
    }
    changes.append(.closed(.init(.unsent, because: "the manifest changed", at: at(60))))
    try await store.record(changes, of: key, at: at(0))
    let event = try await store.events(of: key).first { $0.what == words }
    #expect(event?.why == "the manifest changed")
  }

  @Test func `values that are not recorded are taken from the live config, and missing ones are named`() async throws {
    let store = try HistoryStore.passing()
    try await store.record([opened(config("1", ["LEVEL": "INFO"]), revision: 1)], of: key, at: at(0))
    let without = try await store.memory(of: key)
    #expect(without.memory.revisions.first?.config == nil)
    #expect(without.lostConfigs[1]?.message.contains("LEVEL") == true)
    let with = try await store.memory(of: key, values: [config("2", ["LEVEL": "INFO"])])
    #expect(with.memory.revisions.first?.config == config("1", ["LEVEL": "INFO"]))
  }

  @Test func `a later change keeps a config that could not be restored`() async throws {
    let store = try HistoryStore.passing()
    let redacted = config("1", ["LEVEL": "INFO"])
    try await store.record([opened(redacted, revision: 1)], of: key, at: at(0))
    try await store.record([.closed(.init(.good, id: "e1", version: 1, at: at(1)))], of: key, at: at(1))
    let revision = try await store.revisions(of: key, values: [redacted]).first
    #expect(revision?.config == redacted)
    #expect(revision?.outcome == .good)
  }

  @Test func `two processes cannot both open an attempt`() async throws {
    try await withTemporaryDirectory { path in
      let one = try HistoryStore.open(in: StateDirectory(path: path))
      let other = try HistoryStore.open(in: StateDirectory(path: path))
      let seen = try await one.memory(of: key).version
      try await other.record([opened(config("2"), revision: 1)], of: key, since: seen, at: at(0))
      let stale = await historyError {
        try await one.record([opened(config("1"), revision: 1)], of: key, since: seen, at: at(1))
      }
      #expect(stale?.kind == .moved)
      let second = await historyError { try await one.record([opened(config("1"), revision: 1)], of: key, at: at(1)) }
      #expect(second?.kind == .moved)
      #expect(try await one.memory(of: key).memory.attempt?.digest == config("2").digest)
    }
  }

  @Test func `many processes that open the store and write at once lose nothing`() async throws {
    try await withTemporaryDirectory { path in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<8 {
          group.addTask {
            let store = try HistoryStore.open(in: StateDirectory(path: "\(path)/state"))
            for second in 0..<10 {
              try await store.note(HistoryEvent(at: at(Int64(second)), what: "writer \(index)"), of: key)
            }
          }
        }
        try await group.waitForAll()
      }
      let store = try HistoryStore.open(in: StateDirectory(path: "\(path)/state"))
      #expect(try await store.events(of: key, newest: 1000).count == 80)
    }
  }

  @Test func `a failed change leaves none of its companion changes behind`() async throws {
    let store = try HistoryStore.passing()
    try await store.record([opened(config("1"), revision: 1)], of: key, at: at(0))
    let before = try await store.memory(of: key)
    let error = await historyError {
      try await store.record(
        [
          .closed(.init(.good, id: "e1", version: 1, at: at(1))), opened(config("2"), revision: 2),
          opened(config("3"), revision: 3),
        ],
        of: key, at: at(1))
    }
    #expect(error?.kind == .moved)
    #expect(try await store.memory(of: key) == before)
  }

  @Test func `the history of an endpoint can be read`() async throws {
    let store = try HistoryStore.passing()
    try await store.record(everything, of: key, at: at(0))
    let events = try await store.events(of: key)
    let one = config("1").digest
    let two = config("2", ["LEVEL": "INFO"]).digest
    #expect(
      events.map { $0.why.isEmpty ? $0.what : "\($0.what): \($0.why)" } == [
        "creating with revision 1 (\(one))",
        "revision 1 became good",
        "updating to revision 2 (\(two))",
        "PUT /api/2.0/serving-endpoints/support-chat/config was temporarily unavailable: try later",
        "revision 2 failed because of the provider: no capacity",
        "rolling back to revision 1 (\(one))",
        "PATCH /api/2.0/serving-endpoints/support-chat/tags was refused: no such tag",
        "verification was inconclusive: 503",
        "changed the telemetry",
        "PUT /api/2.0/serving-endpoints/support-chat/ai-gateway was refused: not for custom models",
        "the registry no longer has \(two): version 2 is gone",
      ])
    #expect(events.first?.sourceCommit == "abc123")
    #expect(events.map(\.at) == events.map(\.at).sorted())
  }

  @Test func `after a failure, the history names the commits and the reason for the rollback`() async throws {
    let store = try HistoryStore.passing()
    let (two, three) = (config("2"), config("3"))
    let base = Attempt.Base.present(id: "e1", version: 2, lastUpdated: 5)
    let words = "the model cannot be loaded: broken weights"
    let back = Attempt(
      digest: two.digest, kind: .rollback, revision: 1, base: base, openedAt: at(3), checksDigest: two.digest)
    let origin = RolloutOrigin(sourceCommit: "3333333", because: "revision 2 failed", why: words)
    try await store.record(
      [
        opened(two, revision: 1, commit: "2222222"), .closed(.init(.good, id: "e1", version: 2, at: at(1))),
        opened(three, revision: 2, base: base, at: 2, commit: "3333333"),
        .received(.refused("no"), .updateConfig(name: key.name, config: three), at: at(2)),
        .verified(.failed("wrong"), checksDigest: three.digest, at: at(2)),
        .closed(.init(.failed(.ours, words), id: "e1", version: 2, at: at(3))),
        .opened(back, Rollout(two), origin), .closed(.init(.good, id: "e1", version: 4, at: at(4))),
        .received(
          .accepted(id: nil, version: nil), .patchTags(name: key.name, TagPatch(remove: [FleetTags.held])), at: at(5)),
      ], of: key, at: at(0))
    let lines = try await store.events(of: key).map { "\($0.what)|\($0.why)|\($0.sourceCommit ?? "-")" }
    #expect(
      lines == [
        "creating with revision 1 (\(two.digest))||2222222", "revision 1 became good||2222222",
        "updating to revision 2 (\(three.digest))||3333333",
        "PUT /api/2.0/serving-endpoints/support-chat/config was refused|no|3333333",
        "verification failed|wrong|3333333",
        "revision 2 failed|\(words)|3333333",
        "rolling back to revision 1 (\(two.digest)) because revision 2 failed|\(words)|3333333",
        "revision 1 became good||2222222",
        "lifted the hold|the desired config changed|-",
      ])
  }

  @Test func `events are limited to the newest`() async throws {
    let store = try HistoryStore.passing()
    for index in 0..<1010 { try await store.note(HistoryEvent(at: at(0), what: "\(index)"), of: key) }
    let events = try await store.events(of: key, newest: 5000)
    #expect(events.count == 1000)
    #expect(events.first?.what == "10")
    #expect(events.last?.what == "1009")
  }

  @Test func `endpoints are distinguished by provider and listed by it`() async throws {
    let store = try HistoryStore.passing()
    let elsewhere = EndpointKey(host: "https://elsewhere", name: key.name)
    try await store.record([.found(Rollout(config("1")), id: "e1", version: 1, at: at(0))], of: key, at: at(0))
    try await store.record([opened(config("2"), revision: 1)], of: elsewhere, at: at(0))
    #expect(try await store.recordedEndpoints(host: key.host) == [key.name: "e1"])
    #expect(try await store.recordedEndpoints(host: "https://elsewhere") == [key.name: String?.none])
    #expect(try await store.memories(host: key.host)[key.name]?.get().memory.endpointID == "e1")
    #expect(try await store.memory(of: EndpointKey(host: key.host, name: "other")) == .nothing)
  }

  @Test func `no environment value is in any file`() async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      try await store.record([opened(config("1", ["PASSWORD": "hunter2-hunter2"]), revision: 1)], of: key, at: at(0))
      for (file, contents) in try allFiles(in: path) {
        #expect(!contents.contains("hunter2"), "\(file)")
        #expect(try mode(of: "\(path)/\(file)") == 0o600, "\(file)")
      }
    }
  }

  @Test func `a history of a later version is refused and not changed`() async throws {
    try await withTemporaryDirectory { path in
      _ = try HistoryStore.open(in: StateDirectory(path: path))
      try runSQL("INSERT INTO grdb_migrations VALUES ('999: from the future')", on: "\(path)/history.sqlite")
      let error = await historyError { _ = try HistoryStore.open(in: StateDirectory(path: path)) }
      #expect(error?.kind == .newer)
      #expect(error?.next?.contains("--state") == true)
    }
  }
}
