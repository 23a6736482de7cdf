import Controller
import ControllerKit
import GRDB
import History
import TestKit
import Testing

/// A pause and its end as events of the fleet.
@Suite struct PauseEventTests {
  private let database: DatabaseQueue
  private let harness: ControllerHarness

  init() throws {
    database = try DatabaseQueue()
    try HistoryStore.prepare(database)
    harness = ControllerHarness(
      ControllerEnvironment(
        WorkspaceDouble(),
        HistoryStore(database: database, key: RedactionKey(bytes: Array(repeating: 7, count: 32)))))
  }

  private func events() async throws -> [String] {
    try await harness.environment.history.events(limit: 1000).map(\.event.what)
  }

  /// What `POST /pause` and `POST /resume` do after they have changed the pause.
  private func set(_ reason: String?) async {
    harness.pause.reason = reason
    await harness.controller.saveStatuses()
  }

  @Test func `a pause that ends within the same second is two events`() async throws {
    await set("incident 4711")
    await set(nil)
    #expect(try await events() == ["paused by a test", "resumed"])
  }

  @Test func `concurrent reports of a pause are one event`() async throws {
    harness.pause.reason = "incident 4711"
    let controller = harness.controller
    async let one: Void = controller.saveStatuses()
    async let other: Void = controller.saveStatuses()
    _ = await (one, other)
    #expect(try await events() == ["paused by a test"])
  }

  @Test func `an event that cannot be recorded is recorded later, once`() async throws {
    try await database.write {
      try $0.execute(
        sql: "CREATE TRIGGER refusal BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    }
    await set("incident 4711")
    #expect(try await events().isEmpty)
    try await database.write { try $0.execute(sql: "DROP TRIGGER refusal") }
    await harness.controller.saveStatuses()
    await harness.controller.saveStatuses()
    #expect(try await events() == ["paused by a test"])
    await set(nil)
    #expect(try await events() == ["paused by a test", "resumed"])
  }
}
