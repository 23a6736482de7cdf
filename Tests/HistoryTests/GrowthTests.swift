import Endpoints
import FoundationEssentials
import GRDB
import Planning
import Storage
import Testing

@testable import History

/// A history that is kept for years: stores of previous versions, removal of old records, and rows that cannot be read.
@Suite struct GrowthTests {
  private let key = EndpointKey(host: "http://127.0.0.1:7387", name: "support-chat")
  private let neighbour = EndpointKey(host: "http://127.0.0.1:7387", name: "wiki")

  private func day(_ number: Int64) -> Timestamp {
    Timestamp(milliseconds: 1_767_225_600_000 + number * 24 * 3600 * 1000)
  }

  private func config(_ version: Int) -> EndpointConfig {
    EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: "\(version)")])
  }

  private func found(_ version: Int, at day: Timestamp) -> MemoryChange {
    .found(Rollout(config(version)), id: "e1", version: Int64(version), at: day)
  }

  private func opened(
    _ version: Int, revision: Int, kind: Attempt.Kind = .update, at day: Timestamp
  ) -> MemoryChange {
    .opened(
      Attempt(
        digest: config(version).digest, kind: kind, revision: revision,
        base: .present(id: "e1", version: 1, lastUpdated: 5), openedAt: day,
        checksDigest: RolloutPolicy().checksDigest), Rollout(config(version)), RolloutOrigin())
  }

  // MARK: Previous versions

  /// Created by the version before ``Schema``'s third migration.
  private func formerHistory(_ body: (String) async throws -> Void) async throws {
    let stores = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Support/stores").path
    try await withTemporaryDirectory { path in
      try FileManager.default.copyItem(atPath: stores + "/history-2.sqlite", toPath: path + "/history.sqlite")
      try FileManager.default.copyItem(atPath: stores + "/history-2.key", toPath: path + "/history.key")
      try await body(path)
    }
  }

  @Test func `a history of the previous version opens with all its content`() async throws {
    try await formerHistory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      let values = [
        EndpointConfig(entities: [
          ServedEntity(entityName: "main.support.qwen3", entityVersion: "2", environment: ["LEVEL": "INFO"])
        ])
      ]
      let recorded = try await store.memory(of: key, values: values)
      #expect(recorded.lostConfigs.isEmpty && recorded.unreadable.isEmpty)
      #expect(recorded.memory.revisions.map(\.number) == [1, 2, 3])
      #expect(recorded.memory.revisions.map(\.outcome.word) == ["good", "failed", "pending"])
      #expect(recorded.memory.lastGood?.number == 1)
      #expect(recorded.memory.attempt?.revision == 3)
      #expect(try await store.memory(of: neighbour).memory.lastGood?.number == 1)
      #expect(try await store.events(of: neighbour).map(\.what).contains("rolled back by hand"))
      #expect(try await store.events(fleet: "prod").map(\.event.what).contains("lost the lease"))
      let status = try #require(try await store.status(of: FleetKey(host: key.host, name: "prod")))
      #expect(status.endpoints.map(\.warnings) == [["a word"]])
      // It continues from there.
      try await store.record([.closed(.init(.good, id: "e1", version: 3, at: day(1)))], of: key, at: day(1))
      #expect(try await store.memory(of: key, values: values).memory.lastGood?.number == 3)
    }
  }

  @Test func `an empty history file is damaged and not new`() async throws {
    try await withTemporaryDirectory { path in
      try Data().write(to: URL(filePath: "\(path)/history.sqlite"))
      let error = await historyError { _ = try HistoryStore.open(in: StateDirectory(path: path)) }
      #expect(error?.kind == .damaged)
      #expect(error?.message.contains("0 bytes") == true)
      #expect(try Data(contentsOf: URL(filePath: "\(path)/history.sqlite")).isEmpty)
    }
  }

  @Test func `a state directory that other users can write to is refused`() async throws {
    try await withTemporaryDirectory { path in
      try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
      let error = await historyError { _ = try HistoryStore.open(in: StateDirectory(path: path)) }
      #expect(error?.kind == .cannotOpen)
      #expect(error?.next?.contains("chmod go-w") == true && error?.next?.contains("--state DIR") == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
    }
  }

  // MARK: What is removed

  @Test func `revisions are limited in number, and the last good one is kept`() async throws {
    let store = try HistoryStore.passing()
    try await store.record([found(1, at: day(0))], of: key, at: day(0))
    for version in 2...300 {
      try await store.record(
        [opened(version, revision: version, at: day(1)), .closed(.init(.failed(.ours, "no"), at: day(1)))], of: key,
        at: day(1))
    }
    let memory = try await store.memory(of: key).memory
    #expect(memory.revisions.count <= 111, "\(memory.revisions.count)")
    #expect(memory.lastGood?.number == 1)
    #expect(memory.lastGood?.config == config(1))
    #expect(memory.revisions.last?.number == 300)
    // Numbers are not assigned twice.
    try await store.record([found(301, at: day(2))], of: key, at: day(2))
    #expect(try await store.memory(of: key).memory.revisions.last?.number == 301)
  }

  @Test func `old revisions are removed, except the newest and those of an attempt or a hold`() async throws {
    let store = try HistoryStore.passing()
    for version in 1...60 { try await store.record([found(version, at: day(0))], of: key, at: day(0)) }
    try await store.record([opened(3, revision: 3, kind: .rollback, at: day(400))], of: key, at: day(400))
    try await store.record(
      [.checkedTarget(Memory.TargetCheck(digest: config(5).digest, at: day(400), problem: nil))], of: key, at: day(400))
    try await store.record([found(61, at: day(400))], of: key, at: day(400))
    let memory = try await store.memory(of: key).memory
    let numbers = memory.revisions.map(\.number)
    #expect(numbers == [3, 5] + Array(42...61), "\(numbers)")
    #expect(memory.attempt?.revision == 3)
  }

  @Test func `events are limited by age too`() async throws {
    let store = try HistoryStore.passing()
    for number in 0..<300 {
      try await store.note(HistoryEvent(at: day(0), what: "old \(number)"), of: key)
    }
    try await store.note(HistoryEvent(at: day(400), what: "new"), of: key)
    let events = try await store.events(of: key, newest: 1000)
    #expect(events.count == 100, "\(events.count)")
    #expect(events.last?.what == "new")
    #expect(events.first?.what == "old 201")
  }

  @Test func `endpoints that were deleted long ago are forgotten, others never`() async throws {
    let store = try HistoryStore.passing()
    func delete(_ key: EndpointKey, _ day: Timestamp) async throws {
      try await store.record(
        [found(1, at: day), .received(.accepted(id: nil, version: nil), .delete(name: key.name), at: day)], of: key,
        at: day)
    }
    let again = EndpointKey(host: key.host, name: "again")
    let quiet = EndpointKey(host: key.host, name: "quiet")
    let last = EndpointKey(host: key.host, name: "last")
    try await delete(key, day(0))
    try await delete(again, day(0))
    try await store.record([found(2, at: day(1))], of: again, at: day(1))
    try await store.note(HistoryEvent(at: day(1), what: "seen again"), of: again)
    try await store.record([found(1, at: day(0))], of: quiet, at: day(0))
    try await delete(last, day(400))
    #expect(try await store.recordedEndpoints(host: key.host).keys.sorted() == ["again", "last", "quiet"])
    #expect(try await store.memory(of: key) == .nothing)
    #expect(try await store.memory(of: quiet).memory.lastGood?.number == 1)
  }

  @Test func `events since a time are found by their index`() async throws {
    try await withTemporaryDirectory { path in
      _ = try HistoryStore.open(in: StateDirectory(path: path))
      let database = try DatabaseQueue(path: "\(path)/history.sqlite")
      func plan(since: Timestamp? = nil, after: Int64? = nil) throws -> [String] {
        let query = EventQuery(host: key.host, fleet: nil, names: [], since: since, after: after, limit: 100)
        return try database.read { database in
          try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + query.sql, arguments: query.arguments)
            .map { $0["detail"] }
        }
      }
      let since = try plan(since: day(1))
      #expect(since.first?.contains("event_by_time") == true, "\(since)")
      #expect(!since.contains { $0.contains("TEMP B-TREE") }, "\(since)")
      let after = try plan(since: day(1), after: 7)
      #expect(after.first?.contains("INTEGER PRIMARY KEY") == true, "\(after)")
    }
  }

  @Test func `events since a time are the newest ones, listed oldest first`() async throws {
    let store = try HistoryStore.passing()
    for number in 0..<10 {
      try await store.note(HistoryEvent(at: day(Int64(number)), what: "\(number)"), of: number < 5 ? key : neighbour)
    }
    #expect(try await store.events(since: day(3), limit: 4).map(\.event.what) == ["6", "7", "8", "9"])
    #expect(try await store.events(names: ["support-chat"], since: day(3)).map(\.event.what) == ["3", "4"])
    #expect(try await store.events(limit: 2).map(\.event.what) == ["8", "9"])
    let second = try #require(try await store.events(limit: 9).first).id
    #expect(try await store.events(since: day(3), after: second, limit: 2).map(\.event.what) == ["3", "4"])
  }

  // MARK: Rows that cannot be read

  @Test(arguments: [
    "UPDATE revision SET digest = 'x' WHERE number = 2", "UPDATE revision SET outcome = 'odd' WHERE number = 2",
    "UPDATE revision SET recorded_at = 'yesterday' WHERE number = 2",
    "UPDATE revision SET established = 'no' WHERE number = 2", "UPDATE revision SET aliases = '{' WHERE number = 2",
  ])
  func `an unreadable revision affects only itself and is named`(_ damage: String) async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      for version in 1...3 { try await store.record([found(version, at: day(0))], of: key, at: day(0)) }
      try runSQL(damage, on: "\(path)/history.sqlite")
      let recorded = try await store.memory(of: key)
      #expect(recorded.memory.revisions.map(\.number) == [1, 3])
      #expect(Array(recorded.unreadable.keys) == [2])
      #expect(recorded.unreadable[2]?.message.contains("revision 2 of support-chat") == true)
      // Nothing that is recorded later is mixed with it.
      try await store.record([found(4, at: day(1))], of: key, at: day(1))
      #expect(try await store.memory(of: key).memory.revisions.map(\.number) == [1, 3, 4])
    }
  }

  @Test(arguments: [
    "UPDATE attempt SET digest = 'x'", "UPDATE attempt SET details = '{'", "UPDATE attempt SET opened_at = 'now'",
    "UPDATE endpoint SET notes = '{' WHERE name = 'support-chat'",
  ])
  func `an endpoint with an unreadable attempt or notes is named and does not affect the others`(
    _ damage: String
  ) async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      try await store.record([opened(1, revision: 1, at: day(0))], of: key, at: day(0))
      try await store.record([found(1, at: day(0))], of: neighbour, at: day(0))
      try runSQL(damage, on: "\(path)/history.sqlite")
      let memories = try await store.memories(host: key.host)
      #expect(try memories["wiki"]?.get().memory.revisions.count == 1)
      let error = await historyError { _ = try memories["support-chat"]?.get() }
      #expect(error?.kind == .damaged)
      #expect(error?.message.contains("support-chat") == true)
    }
  }

  @Test(arguments: [
    "UPDATE status SET warnings = '{'", "UPDATE status SET since = 'then'", "UPDATE status SET next_at = 'soon'",
    "UPDATE fleet SET problems = 'x'", "UPDATE status SET differences = '{'",
  ])
  func `an unreadable status is reported under its endpoint`(_ damage: String) async throws {
    try await withTemporaryDirectory { path in
      let store = try HistoryStore.open(in: StateDirectory(path: path))
      let statuses = ["a", "b"].map { name in
        EndpointStatus(
          name: name, desired: "1", live: "1", phase: .inSync, reason: nil, why: "as wanted", since: day(0), next: nil,
          nextAt: nil, commit: nil, lastCheck: day(0), warnings: ["word"])
      }
      try await store.save(
        statuses, fleet: "prod", host: key.host, at: day(0),
        report: FleetReport(interval: nil, commit: nil, problems: ["p"], stoppedAt: nil))
      try runSQL(damage + (damage.contains("status") ? " WHERE name = 'a'" : ""), on: "\(path)/history.sqlite")
      let status = try #require(try await store.status(of: FleetKey(host: key.host, name: "prod")))
      #expect(status.endpoints.map(\.name) == ["a", "b"])
      #expect(status.endpoints.last == statuses.last)
      let damaged = status.endpoints[0]
      let said = ([damaged.why] + damaged.differences + damaged.warnings + status.report.problems).joined()
      #expect(said.contains("damaged"), "\(said)")
    }
  }
}
