import CanonicalJSON
import Endpoints
import FoundationEssentials
import Synchronization
import Telemetry
import Testing

@testable import ServingPlane

@Suite struct LogCollectorTests {
  private let data = TestData()
  /// 2026-11-21 22:51:00 UTC.
  private static let now: Int64 = 1_795_301_460_000_000_000

  private func collector(
    _ backend: any ReplicaBackend, _ store: TelemetryStore, _ replicas: @escaping @Sendable () -> [CollectedReplica]
  ) -> LogCollector {
    LogCollector(
      backend: backend, store: store, replicas: { replicas() },
      redaction: { SecretFolder(path: "/nowhere").redaction(of: $0.environment) }, now: { Self.now }, zone: { _ in 0 })
  }

  private func bodies(_ store: TelemetryStore) async throws -> [String] {
    try await store.rows("SELECT body FROM otel_logs ORDER BY record_id").compactMap { $0.first?.stringValue }
  }

  @Test func `each line is a row with its replica, its severity and its time`() async throws {
    let (backend, store) = (MemoryBackend(), try data.telemetryStore())
    let logs = collector(backend, store) { [collected("r1")] }
    backend.write("(Worker pid=12) ERROR 11-21 22:50:24 [a.py:1] broken\nplain\nhalf a li", as: "r1")
    await logs.collect()
    let rows = try await store.rows(
      "SELECT endpoint, entity, model, model_version, replica, severity_number, severity_text, body, "
        + "time_unix_nano, observed_time_unix_nano FROM otel_logs ORDER BY record_id")
    #expect(rows.count == 2)
    let expected: [JSONValue] = [
      "chat", "main", "hello", "3", "r1", 17, "ERROR", "(Worker pid=12) ERROR 11-21 22:50:24 [a.py:1] broken",
      .int(Self.now - 36_000_000_000), .int(Self.now),
    ]
    #expect(rows.first == expected)
    #expect(rows.last?[5] == 0 && rows.last?[7] == "plain" && rows.last?[9] == .int(Self.now))
    backend.write("ne\n", as: "r1")
    await logs.collect()
    #expect(try await bodies(store).last == "half a line")
    #expect(try await bodies(store).count == 3)
  }

  @Test func `the lines of a traceback are as severe as its first one`() async throws {
    let (backend, store) = (MemoryBackend(), try data.telemetryStore())
    let logs = collector(backend, store) { [collected("r1")] }
    backend.write("Traceback (most recent call last):\n  File \"a.py\"\n", as: "r1")
    await logs.collect()
    backend.write("    raise\nValueError: no\nafter\n", as: "r1")
    await logs.collect()
    let rows = try await store.rows("SELECT severity_number FROM otel_logs ORDER BY record_id")
    #expect(rows == [[17], [17], [17], [17], [0]])
  }

  @Test func `no row has a secret of the replica's environment`() async throws {
    let (backend, store) = (MemoryBackend(), try data.telemetryStore())
    let environment = ["API_KEY": "pl4nted-s3cret-value", "LEVEL": "INFO"]
    let logs = collector(backend, store) { [collected("r1", environment: environment)] }
    backend.write("INFO: the key is pl4nted-s3cret-value\n", as: "r1")
    await logs.collect()
    #expect(try await bodies(store) == ["INFO: the key is [redacted]"])
  }

  @Test func `a long line is cut`() async throws {
    let (backend, store) = (MemoryBackend(), try data.telemetryStore())
    let logs = collector(backend, store) { [collected("r1")] }
    backend.write(String(repeating: "word ", count: 20_000) + "\n", as: "r1")
    await logs.collect()
    #expect(try await bodies(store).map(\.utf8.count) == [64 << 10])
  }

  @Test func `a plane that starts again continues where the one before it has stopped`() async throws {
    let backend = MemoryBackend()
    backend.write("one\ntwo\n", as: "r1")
    do {
      let store = try data.telemetryStore()
      await collector(backend, store) { [collected("r1")] }.collect()
      await store.flush()
    }
    backend.write("three\n", as: "r1")
    let store = try data.telemetryStore()
    await collector(backend, store) { [collected("r1")] }.collect()
    #expect(try await bodies(store) == ["one", "two", "three"])
  }

  @Test func `the last words of a replica that has ended are read once, before they are removed`() async throws {
    let (backend, store) = (MemoryBackend(), try data.telemetryStore())
    let list = ReplicaList([collected("r1"), collected("r2")])
    let logs = collector(backend, store) { list.replicas }
    backend.write("one\n", as: "r1")
    await logs.collect()
    // One ends between two reads and is kept, the other one is removed at once.
    backend.write("last words", as: "r1")
    backend.write("was never seen alive", as: "r2")
    list.replicas = [collected("r1", ended: 5), collected("r2", ended: 5)]
    await logs.finish(collected("r2", ended: 5))
    await logs.collect()
    await logs.collect()
    #expect(try await bodies(store).sorted() == ["last words", "one", "was never seen alive"])
  }

  @Test func `a replica whose output cannot be read does not keep others from being read`() async throws {
    let (store, probes) = (try data.telemetryStore(), ReplicaProbes())
    let backend = ProcessBackend(
      planeID: "p",
      launcher: ReplicaLauncher(
        python: nil, environment: [:], accelerators: .none, cores: 1, secrets: SecretFolder(path: "/nowhere")),
      settings: data.settings, client: probes.client)
    let (whole, broken) = (data.path + "/whole", data.path + "/broken")
    try FileManager.default.createDirectory(atPath: broken + "/output.log", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: whole, withIntermediateDirectories: true)
    try Data("one\n".utf8).write(to: URL(filePath: whole + "/output.log"))
    let logs = collector(backend, store) {
      [
        collected("r0"), collected("r1", directory: broken), collected("r2", directory: "/nowhere"),
        collected("r3", directory: whole),
      ]
    }
    await logs.collect()
    await probes.shutdown()
    #expect(try await bodies(store) == ["one"])
  }
}

/// The replicas that a collector finds.
private final class ReplicaList: Sendable {
  private let list: Mutex<[CollectedReplica]>

  init(_ replicas: [CollectedReplica]) { list = Mutex(replicas) }

  var replicas: [CollectedReplica] {
    get { list.withLock { $0 } }
    set { list.withLock { $0 = newValue } }
  }
}
