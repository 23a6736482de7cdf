import Endpoints
import History
import Planning
import Testing

/// Statuses, and events of whole fleets.
@Suite struct FleetHistoryTests {
  private let host = "http://127.0.0.1:7387"

  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_767_225_600_000 + seconds * 1000) }

  private func status(_ name: String, _ phase: Phase = .inSync, reason: Reason.Code? = .inSync) -> EndpointStatus {
    EndpointStatus(name: name, phase: phase, reason: reason, since: at(0), lastCheck: at(1))
  }

  private var full: EndpointStatus {
    EndpointStatus(
      name: "chat", desired: "main.support.qwen3/4 (@champion), A10 Small",
      desiredDigest: EndpointConfig(entities: []).digest, live: "main.support.qwen3/3, A10 Small",
      differences: ["engine", "tags.team"], phase: .updating, reason: .specChanged, why: "the alias moved",
      since: at(3), next: "check again", nextAt: at(9), commit: "1a2b3c4", lastCheck: at(4), warnings: ["one", "two"])
  }

  @Test func `statuses are kept as they were saved, by name, until they are removed`() async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      try await store.save([status("zeta"), full], fleet: "f", host: host, at: at(5))
      try await store.save([status("zeta", .held, reason: .quarantined)], fleet: "f", host: host, at: at(6))
      let reader = try HistoryStore.open(in: StateDirectory(path: path))
      #expect(
        try await reader.statuses(host: host, fleet: "f") == [full, status("zeta", .held, reason: .quarantined)])
      #expect(try await reader.status(of: FleetKey(host: host, name: "f"))?.lastSync == at(6))
      try await store.save([], removing: ["chat", "nobody"], fleet: "f", host: host, at: at(7))
      #expect(try await reader.statuses(host: host, fleet: "f").map(\.name) == ["zeta"])
      try await store.save([], removing: ["zeta"], fleet: "f", host: host, at: at(8))
      #expect(try await reader.statuses(host: host, fleet: "f").isEmpty)
      #expect(try await reader.status(of: FleetKey(host: host, name: "f"))?.lastSync == at(8))
    }
  }

  @Test func `a controller's report is kept until its next report`() async throws {
    let store = try HistoryStore.passing()
    let report = FleetReport(
      interval: .milliseconds(90_500), commit: "abc", problems: ["the source cannot be read"], stoppedAt: at(8),
      mode: "observe", startArguments: ["-f", "/manifests", "--mode", "observe"])
    try await store.save([], fleet: "f", host: host, at: at(1), report: report)
    try await store.save([], fleet: "f", host: host, at: at(2))
    let key = FleetKey(host: host, name: "f")
    #expect(
      try await store.status(of: key)
        == FleetStatus(fleet: "f", target: host, lastSync: at(2), report: report, endpoints: []))
    try await store.save([], fleet: "f", host: host, at: at(3), report: FleetReport())
    #expect(try await store.status(of: key)?.report == FleetReport())
  }

  @Test func `fleets are distinguished by provider and name, and a fleet with only events does not count`()
    async throws
  {
    let store = try HistoryStore.passing()
    try await store.save([status("a")], fleet: "f", host: host, at: at(1))
    try await store.save([status("a", .held)], fleet: "g", host: host, at: at(1))
    try await store.save([status("b")], fleet: "f", host: "https://elsewhere", at: at(1))
    try await store.note(HistoryEvent(at: at(0), what: "x"), fleet: "never", host: host)
    #expect(
      try await store.fleets() == [
        FleetKey(host: host, name: "f"), FleetKey(host: host, name: "g"),
        FleetKey(host: "https://elsewhere", name: "f"),
      ])
    #expect(try await store.fleets(host: "https://elsewhere").map(\.name) == ["f"])
    #expect(try await store.status(of: FleetKey(host: host, name: "never")) == nil)
    let both = try await store.statuses(of: EndpointKey(host: host, name: "a"))
    #expect(both.map(\.fleet.fleet) == ["f", "g"])
    #expect(both.map(\.status.phase) == [.inSync, .held])
  }

  @Test func `a value from a later version reads as unknown`() async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      try await store.save([full], fleet: "f", host: host, at: at(1))
      try runSQL("UPDATE status SET phase = 'dreaming', reason = 'tired'", on: "\(path)/history.sqlite")
      let read = try await store.statuses(host: host, fleet: "f").first
      #expect(read?.phase == .unknown)
      #expect(read?.reason == nil)
    }
  }

  @Test func `events of fleets and endpoints are one sequence and can be read on from an id`() async throws {
    let store = try HistoryStore.passing()
    let chat = EndpointKey(host: host, name: "chat")
    let elsewhere = EndpointKey(host: "https://elsewhere", name: "chat")
    try await store.note(HistoryEvent(at: at(1), what: "one"), of: chat)
    try await store.note(HistoryEvent(at: at(2), what: "two", why: "y", sourceCommit: "c"), fleet: "f", host: host)
    try await store.note(HistoryEvent(at: at(3), what: "three"), of: elsewhere)
    try await store.note(HistoryEvent(at: at(4), what: "four"), of: EndpointKey(host: host, name: "other"))
    try await store.save([status("chat")], fleet: "f", host: host, at: at(5))

    func what(_ events: [RecordedEvent]) -> [String] { events.map(\.event.what) }
    let all = try await store.events()
    #expect(what(all) == ["one", "two", "three", "four"])
    #expect(all.map(\.endpoint) == ["chat", nil, "chat", "other"])
    #expect(all.map(\.fleet) == ["f", "f", nil, nil])
    #expect(all[1].event == HistoryEvent(at: at(2), what: "two", why: "y", sourceCommit: "c"))
    #expect(what(try await store.events(limit: 2)) == ["three", "four"])
    #expect(what(try await store.events(after: all[0].id, limit: 2)) == ["two", "three"])
    #expect(what(try await store.events(after: all[3].id)) == [])
    #expect(what(try await store.events(host: host)) == ["one", "two", "four"])
    #expect(what(try await store.events(fleet: "f")) == ["one", "two"])
    #expect(what(try await store.events(names: ["chat"])) == ["one", "three"])
    #expect(what(try await store.events(host: host, names: ["chat", "other"], since: at(2))) == ["four"])
    try await store.save([], removing: ["chat"], fleet: "f", host: host, at: at(6))
    #expect(what(try await store.events(fleet: "f")) == ["one", "two"], "a deleted endpoint keeps its history")
  }

  @Test func `a fleet's events are limited to the newest`() async throws {
    let store = try HistoryStore.passing()
    for index in 0..<1003 { try await store.note(HistoryEvent(at: at(0), what: "\(index)"), fleet: "f", host: host) }
    let events = try await store.events(limit: 5000)
    #expect(events.count == 1000)
    #expect(events.first?.event.what == "3")
    #expect(events.last?.event.what == "1002")
  }

  @Test func `a history of the first version is migrated and loses nothing`() async throws {
    try await withTemporaryDirectory { path in
      let digest = EndpointConfig(entities: []).digest
      try runSQL(FirstVersion.tables, on: "\(path)/history.sqlite")
      try runSQL(
        """
        INSERT INTO endpoint VALUES (3, '\(host)', 'chat', 'e1', 4, 2, 9, '{}');
        INSERT INTO revision VALUES (3, 1, '\(digest.hex)', NULL, 5, 'abc', 'good', NULL, NULL, 1);
        INSERT INTO event VALUES (7, 3, 5, 'first', '', 'abc'), (9, 3, 6, 'second', 'why', NULL);
        """, on: "\(path)/history.sqlite")
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      let key = EndpointKey(host: host, name: "chat")
      let read = try await store.memory(of: key)
      #expect(read.version == 2)
      #expect(read.memory.revisions.first?.sourceCommit == "abc")
      #expect(read.memory.revisions.first?.aliases == [])
      #expect(try await store.events().map(\.id) == [7, 9])
      try await store.note(HistoryEvent(at: at(0), what: "third"), fleet: "f", host: host)
      #expect(try await store.events(after: 7).map(\.event.what) == ["second", "third"])
    }
  }

  @Test func `the aliases of a revision are kept`() async throws {
    let store = try HistoryStore.passing()
    let key = EndpointKey(host: host, name: "chat")
    let config = EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: "3")])
    let aliases = [AliasedVersion(model: "m", alias: "@champion", version: "3")]
    let attempt = Attempt(
      digest: config.digest, kind: .update, revision: 1, base: .absent, openedAt: at(0), checksDigest: config.digest)
    try await store.record([.opened(attempt, Rollout(config), RolloutOrigin(aliases: aliases))], of: key, at: at(0))
    try await store.record([.closed(.init(.good, id: "e", version: 1, at: at(1)))], of: key, at: at(1))
    #expect(try await store.revisions(of: key).first?.aliases == aliases)
  }
}

private enum FirstVersion {
  /// As the first release created them.
  static let tables = """
    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
    INSERT INTO grdb_migrations VALUES ('1: endpoints, revisions, attempts, events');
    CREATE TABLE endpoint (id INTEGER PRIMARY KEY, host TEXT NOT NULL, name TEXT NOT NULL, provider_id TEXT,
      last_version INTEGER, version INTEGER NOT NULL, recorded_at INTEGER NOT NULL, notes TEXT NOT NULL,
      UNIQUE (host, name));
    CREATE TABLE revision (endpoint INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE, number INTEGER NOT NULL,
      digest TEXT NOT NULL, config TEXT, recorded_at INTEGER NOT NULL, source_commit TEXT, outcome TEXT NOT NULL,
      cause TEXT, words TEXT, established INTEGER, PRIMARY KEY (endpoint, number)) WITHOUT ROWID;
    CREATE TABLE attempt (endpoint INTEGER PRIMARY KEY REFERENCES endpoint (id) ON DELETE CASCADE, digest TEXT NOT NULL,
      kind TEXT NOT NULL, revision INTEGER NOT NULL, opened_at INTEGER NOT NULL, details TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE event (id INTEGER PRIMARY KEY, endpoint INTEGER NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE,
      at INTEGER NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL, source_commit TEXT);
    CREATE INDEX event_by_endpoint ON event (endpoint, id);
    """
}
