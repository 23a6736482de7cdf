import CanonicalJSON
import LibCurl
import Logging
import ServingAPI
import Synchronization
import Testing

@testable import ServingPlane

/// Who is told that an update has ended, and what happens if a receiver does not take it.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct NotificationOutboxTests {
  private let output = RecordingLogHandler.Output()
  private var log: Logger {
    Logger(label: "outbox") { [output] _ in RecordingLogHandler(output: output) }
  }

  private static func config(_ version: Int64) -> PlaneConfig {
    PlaneConfig(version: version, startTime: 0, entities: [])
  }

  private static func record(_ active: Int64, _ update: ConfigUpdate = .none) -> EndpointRecord {
    var record = EndpointRecord(
      id: "a", name: "chat", creator: "tester", created: 0, updated: 0, description: "", tags: [:])
    record.active = config(active)
    record.update = update
    return record
  }

  private static func notification(failed: Bool = false) throws -> UpdateNotification {
    let failure = ConfigUpdate.failed(config(2), entity: "hello-1", reason: "out of memory")
    return try #require(
      UpdateNotification(
        of: config(2), in: failed ? record(1, failure) : record(2), at: 1_796_123_045_000, host: "gpu-1"))
  }

  /// A receiver that responds with these statuses, in turn; its requests, and the pauses before them.
  private final class Receiver: Sendable {
    let statuses: Mutex<[Int]>
    let requests = Mutex<[HTTPRequest]>([])
    let pauses = Mutex<[Duration]>([])

    init(_ statuses: [Int]) { self.statuses = Mutex(statuses) }

    var isDone: Bool { statuses.withLock(\.isEmpty) }

    func respond(_ request: HTTPRequest) -> APIResponse {
      requests.withLock { $0.append(request) }
      let status = statuses.withLock { $0.isEmpty ? 200 : $0.removeFirst() }
      return APIResponse(status: status, body: AsyncThrowingStream<[UInt8], any Error> { $0.finish() })
    }

    var timing: Timing {
      Timing(
        elapsed: { .zero }, secondsSince1970: { 0 }, sleep: { pause in self.pauses.withLock { $0.append(pause) } },
        jitter: { 0.5 })
    }
  }

  private func outbox(_ receiver: Receiver, mail: PlaneMail? = nil) -> NotificationOutbox {
    NotificationOutbox(
      mail: mail, secrets: SecretFolder(path: "/nonexistent"), transport: { receiver.respond($0) },
      timing: receiver.timing, log: log)
  }

  /// Runs an outbox while `body` runs.
  private func run(_ outbox: NotificationOutbox, _ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        await outbox.run()
        return false
      }
      group.addTask {
        try await body()
        return true
      }
      while let isDone = try await group.next(), !isDone {}
      group.cancelAll()
    }
  }

  private static let hook = "https://hooks.example.com/secret-path"

  @Test func `an update that ended is told, and nothing else`() {
    func told(_ version: Int64, _ record: EndpointRecord) -> UpdateNotification? {
      UpdateNotification(of: Self.config(version), in: record, at: 0, host: "gpu-1")
    }
    #expect(told(2, Self.record(2))?.failure == nil)
    #expect(told(2, Self.record(2)) != nil)
    let failure = ConfigUpdate.failed(Self.config(2), entity: "hello-1", reason: "no")
    #expect(told(2, Self.record(1, failure))?.failure == "hello-1: no")
    #expect(told(2, Self.record(1, .inProgress(Self.config(2)))) == nil)
    #expect(told(2, Self.record(1, .inProgress(Self.config(3)))) == nil)
    #expect(told(3, Self.record(1, failure)) == nil)
  }

  @Test func `a webhook gets the news as JSON, and again until it takes it`() async throws {
    let receiver = Receiver([503, 429, 200])
    let outbox = outbox(receiver)
    outbox.post(try Self.notification(failed: true), to: [Self.hook])
    try await run(outbox) { try await eventually("it is delivered") { receiver.isDone } }
    let requests = receiver.requests.withLock(\.self)
    #expect(requests.map(\.url) == [Self.hook, Self.hook, Self.hook])
    #expect(receiver.pauses.withLock(\.count) == 2)
    let body = try JSONValue(parsing: try #require(requests.last?.body))
    #expect(
      body == [
        "kind": "failure", "endpoint": "chat", "what": "the update to config version 2 failed",
        "why": "hello-1: out of memory", "config_version": 2, "at": "2026-12-01T11:04:05Z", "host": "gpu-1",
      ])
    #expect(output.facts(of: "notification not delivered; retrying")?["to"] == "https://hooks.example.com")
  }

  @Test func `what a receiver refuses, and what it never takes, is dropped with a line in the log`() async throws {
    let refusing = Receiver([404])
    let first = outbox(refusing)
    first.post(try Self.notification(), to: [Self.hook])
    try await run(first) { [output] in
      try await eventually("it is dropped") { output.facts(of: "notification dropped") != nil }
    }
    #expect(output.facts(of: "notification dropped")?["error"] == "the webhook returned 404")
    #expect(refusing.requests.withLock(\.count) == 1)

    let failing = Receiver(Array(repeating: 500, count: 6))
    let second = outbox(failing)
    second.post(try Self.notification(), to: [Self.hook])
    try await run(second) { [output] in
      try await eventually("it is dropped") { output.lines.count { $0 == "notification dropped" } == 2 }
    }
    #expect(failing.requests.withLock(\.count) == NotificationOutbox.Limits().tries)
  }

  @Test func `a full queue drops what is new, and nobody waits`() throws {
    let outbox = outbox(Receiver([]))
    let room = NotificationOutbox.Limits().queue
    for _ in 0...room { outbox.post(try Self.notification(), to: [Self.hook]) }
    let dropped = "notification dropped: too many are waiting for their receivers"
    #expect(output.lines == [dropped])
  }

  @Test func `an update's end is told once the endpoint serves, and email without a server is reported once`()
    async throws
  {
    let data = TestData()
    try await withMemoryBackend { [log] backend in
      try await withPlane(data, log: log, adjust: { $0.backend = backend }) { plane in
        for _ in 1...2 { _ = try await plane.register("hello", try data.model()) }
        let lists: JSONValue = ["on_update_success": ["a@example.com", "b@example.com"]]
        _ = try await plane.call(
          "POST", "/api/2.0/serving-endpoints",
          [
            "name": "chat", "email_notifications": lists, "config": ["served_entities": [entity("hello", 1)]],
          ])
        _ = try await plane.waitUntilSettled("chat")
        _ = try await plane.put("chat", [entity("hello", 2)])
        _ = try await plane.waitUntilSettled("chat")
      }
    }
    let unsent = output.lines.filter { $0.contains("notifications by email are not sent") }
    #expect(unsent.count == 1, "\(output.lines)")
  }
}
