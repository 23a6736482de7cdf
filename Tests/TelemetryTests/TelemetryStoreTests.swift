import CanonicalJSON
import FoundationEssentials
import GRDB
import Storage
import Telemetry
import Testing

@Suite struct TelemetryStoreTests {
  @Test func `rows of every table can be read with SQL`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      var request = RequestRow(requestID: "r1", time: folder.time.milliseconds, route: "chat/completions", status: 429)
      request.principal = "ci"
      request.endpoint = "support"
      request.tokensIn = 9_007_199_254_740_993
      request.isStream = true
      request.metadata = ["team": "a\"b"]
      store.add(.request(request))
      store.add(
        .payload(
          PayloadRow(
            requestID: "r1", time: folder.time.milliseconds, endpoint: "support", modelVersion: "3", request: "{}",
            response: "[]", isTruncated: true)))
      store.add(.log(folder.log("ready")))
      store.add(folder.metric(.histogram(count: 3, sum: 1.5, bounds: [1, 2], counts: [1, 1, 1])))
      store.add(
        .span(
          SpanRow(
            traceID: String(repeating: "a", count: 32), spanID: String(repeating: "b", count: 16), parentSpanID: nil,
            name: "queue", kind: .internal, startTime: folder.time.now, endTime: folder.time.now + 5,
            attributes: ["http.status": 200], error: "late", resource: folder.resource)))
      await store.flush()

      #expect(
        try await store.rows(
          "SELECT request_id, principal, status, tokens_in, streamed, metadata ->> 'team', replica FROM requests")
          == [["r1", "ci", 429, 9_007_199_254_740_993, 1, "a\"b", nil]])
      #expect(try await store.rows("SELECT request, response, truncated FROM payloads") == [["{}", "[]", 1]])
      #expect(
        try await store.rows(
          """
          SELECT body, severity_text, service_name, resource ->> '$."setpoint.model"',
            date = date(observed_time_unix_nano / 1000000000, 'unixepoch') FROM otel_logs
          """) == [["ready", "INFO", "support", "qwen", 1]])
      #expect(
        try await store.rows("SELECT metric_type, histogram ->> '$.bucket_counts[2]', gauge FROM otel_metrics")
          == [["HISTOGRAM", 1, nil]])
      #expect(
        try await store.rows(
          "SELECT name, kind, end_time_unix_nano - start_time_unix_nano, status ->> 'message' FROM otel_spans")
          == [["queue", "INTERNAL", 5, "late"]])
      for table in TelemetryTable.allCases {
        #expect(store.counters.accepted[table] == 1 && store.counters.written[table] == 1, "\(table)")
      }
      #expect(store.counters.waiting == 0 && store.counters.allDropped == 0)
    }
  }

  @Test(.timeLimit(.minutes(1))) func `a running store writes rows whenever they come, and the last ones at its end`()
    async throws
  {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let running = Task { await store.run() }
      for number in 1...2 {
        store.add(folder.request(number))
        while store.counters.waiting > 0 { await Task.yield() }
      }
      store.add(folder.request(3))
      running.cancel()
      await running.value
      #expect(store.counters.written == [.requests: 3] && store.counters.waiting == 0)
    }
  }

  @Test func `the files are only for their user`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(folder.request(1))
      await store.flush()
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(names.contains("telemetry.sqlite") && names.contains { $0.hasPrefix("telemetry.counters.") })
      for name in names {
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
        #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o777 == 0o600, "\(name)")
      }
    }
  }

  @Test func `rows beyond the buffer are dropped and counted, and the others are written`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for number in 0..<20_500 { store.add(folder.request(number)) }
      #expect(store.counters.waiting == 20_000)
      #expect(store.counters.dropped == [.requests: [.bufferFull: 500]])
      await store.flush()
      #expect(store.counters.accepted[.requests] == 20_500 && store.counters.written[.requests] == 20_000)
      #expect(try await store.value("SELECT count(*) FROM requests") == 20_000)
      #expect(
        try await store.rows("SELECT table_name, cause, rows FROM telemetry_dropped") == [
          ["requests", "buffer full", 500]
        ])
    }
  }

  @Test func `a row that was lost before it could be added is counted as dropped`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.drop(.payloads, .bufferFull)
      await store.flush()
      #expect(store.counters.accepted == [.payloads: 1])
      #expect(store.counters.dropped == [.payloads: [.bufferFull: 1]])
      #expect(try await store.rows("SELECT table_name, rows FROM telemetry_dropped") == [["payloads", 1]])
    }
  }

  @Test func `while another process has locked the file, rows are dropped, and later ones are written`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store(busyTimeout: .milliseconds(50))
      var configuration = Configuration()
      configuration.allowsUnsafeTransactions = true
      let other = try DatabaseQueue(path: folder.file, configuration: configuration)
      try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
      for number in 0..<2500 { store.add(folder.request(number)) }
      await store.flush()
      #expect(store.counters.dropped == [.requests: [.locked: 2500]])
      #expect(store.counters.lastFailure?.message.contains("locked") == true)
      #expect(store.counters.lastFailure?.time == folder.time.now)
      try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
      store.add(folder.request(1))
      await store.flush()
      #expect(store.counters.written == [.requests: 1])
      #expect(try await store.value("SELECT sum(rows) FROM telemetry_dropped WHERE cause = 'locked'") == 2500)
    }
  }

  @Test func `rows that the file has no room for are dropped, and smaller ones are written`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store(maximumSize: 600 << 10)
      for _ in 0..<1000 { store.add(.log(folder.log(String(repeating: "x", count: 1000)))) }
      await store.flush()
      #expect(store.counters.dropped == [.logs: [.diskFull: 1000]])
      #expect(store.counters.lastFailure?.message.contains("full") == true)
      store.add(.log(folder.log("short")))
      await store.flush()
      #expect(try await store.rows("SELECT body FROM otel_logs") == [["short"]])
    }
  }

  @Test func `a batch of a log is written with the position after it`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      #expect(await store.position(ofLog: "a1") == nil)
      let position = LogPosition(inode: .max, offset: 42)
      store.add([folder.log("one"), folder.log("two")], of: "a1", upTo: LogPosition(inode: 7, offset: 9))
      store.add([folder.log("three")], of: "a1", upTo: position)
      await store.flush()
      #expect(await store.position(ofLog: "a1") == position)
      #expect(store.counters.written == [.logs: 3])
      #expect(
        try await store.rows("SELECT body FROM otel_logs ORDER BY record_id") == [["one"], ["two"], ["three"]])
    }
  }

  @Test func `an unchanged series is one row, whose end moves`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let start = folder.time.now
      for value in [1.0, 1, 1, 2] {
        store.add(folder.metric(.gauge(value)))
        store.add(folder.metric(.gauge(value), attributes: ["gpu": "\(value)"]))
        folder.time.advance(.seconds(15))
      }
      await store.flush()
      let step = 15_000_000_000 as Int64
      #expect(
        try await store.rows(
          """
          SELECT value, time_unix_nano, until_unix_nano FROM otel_metrics WHERE attributes IS NULL ORDER BY record_id
          """) == [
            [1.0, .int(start), .int(start + 2 * step)], [2.0, .int(start + 3 * step), .int(start + 3 * step)],
          ])
      #expect(try await store.value("SELECT count(*) FROM otel_metrics WHERE attributes IS NOT NULL") == 2)
      #expect(store.counters.written == [.metrics: 8])
    }
  }

  @Test func `names in manifests become views, and views that are not named any more are removed`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(folder.request(1))
      await store.flush()
      await store.setViews([
        "support": [.requests: "main.team.Support-Requests", .logs: "main.team.otel_logs"],
        "o'brien": [.requests: "main.other.support-requests"],
      ])
      #expect(try await store.rows("SELECT request_id FROM support_requests") == [["r1"]])
      // The table with this name is still a table.
      #expect(try await store.value("SELECT count(*) FROM sqlite_master WHERE type = 'view'") == 1)
      // A view would be used instead of the function.
      await store.setViews(["support": [.logs: "a.b.json_each", .metrics: "a.b.JSON_tree"]])
      #expect(try await store.rows("SELECT value FROM json_each('[7]')") == [[7]])
      await store.setViews(["support": [.logs: "a.b.lines"]])
      #expect(try await store.value("SELECT group_concat(name) FROM sqlite_master WHERE type = 'view'") == "lines")
    }
  }

  @Test func `two processes write to the same file at the same time`() async throws {
    try await withTelemetryFolder { folder in
      let first = try folder.store()
      let second = try folder.store()
      for number in 0..<3000 {
        first.add(folder.request(number))
        second.add(folder.request(number))
      }
      async let one: Void = first.flush()
      async let two: Void = second.flush()
      _ = await (one, two)
      #expect(first.counters.allDropped == 0 && second.counters.allDropped == 0)
      #expect(try await first.value("SELECT count(*) FROM requests") == 6000)
    }
  }
}
