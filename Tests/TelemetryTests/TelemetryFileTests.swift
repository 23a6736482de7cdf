import CanonicalJSON
import FoundationEssentials
import GRDB
import Storage
import Telemetry
import Testing

@Suite struct TelemetryFileTests {
  @Test func `the rows that a killed process had not written are counted as dropped`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for number in 0..<4 { store.add(folder.request(number)) }
      await store.flush()
      for number in 4..<7 { store.add(folder.request(number)) }
      store.add(.log(folder.log("lost")))
      // The next process reads it again.
      store.add([folder.log("not lost")], of: "a1", upTo: LogPosition(inode: 1, offset: 9))
      // What a killed process leaves: its files as they are.
      let copy = folder.path + "/copy"
      try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name != "copy" {
        try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: copy + "/" + name)
      }
      let next = try TelemetryFolder(path: copy).store()
      #expect(next.remark?.contains("4 telemetry rows were lost") == true)
      #expect(next.counters.dropped == [.requests: [.killed: 3], .logs: [.killed: 1]])
      #expect(next.counters.accepted == [.requests: 3, .logs: 1])
      #expect(try await next.value("SELECT count(*) FROM requests") == 4)
      #expect(
        try await next.value("SELECT rows FROM telemetry_dropped WHERE cause = 'killed' AND table_name = 'requests'")
          == 3)
      // Counted once: the file is gone.
      #expect(try TelemetryFolder(path: copy).store().remark == nil)
      #expect(try await next.value("SELECT sum(rows) FROM telemetry_dropped") == 4)
      await store.flush()
      #expect(try await store.value("SELECT count(*) FROM requests") == 7)
    }
  }

  @Test func `the rows of a process that is still running are not counted as lost`() async throws {
    try await withTelemetryFolder { folder in
      let running = try folder.store()
      running.add(folder.request(1))
      let next = try folder.store()
      #expect(next.remark == nil && next.counters.allDropped == 0)
      await running.flush()
      #expect(running.counters.written == [.requests: 1])
    }
  }

  @Test func `a damaged file is moved aside and a new one begun`() async throws {
    try await withTelemetryFolder { folder in
      try Data("words ".utf8 + Array(repeating: 7, count: 9000)).write(to: URL(filePath: folder.file))
      let store = try folder.store()
      #expect(store.remark?.contains(folder.file + ".damaged-1") == true, "\(store.remark ?? "")")
      #expect(try Data(contentsOf: URL(filePath: folder.file + ".damaged-1")).count == 9006)
      store.add(folder.request(1))
      await store.flush()
      #expect(try await store.value("SELECT count(*) FROM requests") == 1)
    }
  }

  @Test func `a file of a newer version is refused and not changed`() async throws {
    try await withTelemetryFolder { folder in
      _ = try folder.store()
      try await DatabaseQueue(path: folder.file).write {
        try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99: later')")
      }
      do {
        _ = try folder.store()
        Issue.record("it was opened")
      } catch let error as StorageError {
        #expect(error.kind == .newer && error.message.contains("99: later"), "\(error)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder.file + ".damaged-1"))
    }
  }

  @Test func `rows are removed by age, for each table by its own`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store(try TelemetryRetention("requests=2d,logs=1h"))
      for number in 0..<2500 { store.add(folder.request(number, age: .seconds(3 * 86400))) }
      store.add(folder.request(1, age: .seconds(86400)))
      store.add(.log(folder.log("old", age: .seconds(3700))))
      store.add(.log(folder.log("new", age: .seconds(3500))))
      store.add(folder.metric(.gauge(1)))
      await store.flush()
      await store.prune()
      #expect(try await store.value("SELECT count(*) FROM requests") == 1)
      #expect(try await store.rows("SELECT body FROM otel_logs") == [["new"]])
      // A series that has not changed for long is as old as its last time.
      folder.time.advance(.seconds(40 * 86400))
      store.add(folder.metric(.gauge(1)))
      await store.flush()
      await store.prune()
      #expect(try await store.value("SELECT count(*) FROM otel_metrics") == 1)
      folder.time.advance(.seconds(40 * 86400))
      await store.prune()
      #expect(try await store.value("SELECT count(*) FROM otel_metrics") == 0)
      // The removed row of an unchanged series is no place for its next value.
      store.add(folder.metric(.gauge(1)))
      await store.flush()
      #expect(try await store.value("SELECT count(*) FROM otel_metrics") == 1)
    }
  }

  @Test func `the oldest rows of the largest table make room, and the file gets smaller`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store(maximumSize: 8 << 20)
      for number in 0..<10 { store.add(folder.request(number, age: .seconds(86400))) }
      for number in 0..<5500 {
        store.add(
          .log(folder.log("\(number) " + String(repeating: "x", count: 1100), age: .seconds(Int64(5500 - number)))))
      }
      await store.flush()
      #expect(store.counters.allDropped == 0)
      let before = try await pages(store)
      await store.prune()
      #expect(try await pages(store) < before)
      #expect(try await store.value("SELECT count(*) FROM requests") == 10)
      #expect(try await store.value("SELECT count(*) FROM otel_logs WHERE body LIKE '0 %'") == 0)
      #expect(try await store.value("SELECT count(*) FROM otel_logs WHERE body LIKE '5499 %'") == 1)
    }
  }

  private func pages(_ store: TelemetryStore) async throws -> Int64 {
    try await store.read { try Int64.fetchOne($0, sql: "PRAGMA page_count") ?? 0 }
  }
}
