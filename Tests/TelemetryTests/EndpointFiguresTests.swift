import CanonicalJSON
import Testing

@testable import Telemetry

@Suite struct EndpointFiguresTests {
  /// An hour that ends at the folder's present.
  private func lastHour(_ folder: TelemetryFolder, step: Int64? = nil) -> FigureWindow {
    FigureWindow((folder.time.milliseconds - 3_600_000)..<folder.time.milliseconds, step: step)
  }

  private func read(_ store: TelemetryStore, _ window: FigureWindow) async throws -> [String: EndpointFigure] {
    await store.flush()
    let figures = try await store.read { try EndpointFigures("support", window).read($0) }
    return Dictionary(uniqueKeysWithValues: figures.map { ($0.name, $0) })
  }

  private func request(
    _ folder: TelemetryFolder, _ number: Int, secondsAgo: Int64, change: (inout RequestRow) -> Void = { _ in }
  ) -> TelemetryRow {
    var row = RequestRow(
      requestID: "r\(number)", time: folder.time.milliseconds - secondsAgo * 1000, route: "chat/completions",
      status: 200)
    row.endpoint = "support"
    row.modelVersion = "1"
    row.attempts = 1
    change(&row)
    return .request(row)
  }

  @Test func `percentiles are within five percent`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for number in 1...1000 {
        store.add(request(folder, number, secondsAgo: 600) { $0.latency = Double(number) })
      }
      let latency = try #require(try await read(store, lastHour(folder))["latency"])
      for (name, exact) in [("p50", 500.0), ("p95", 950), ("p99", 990)] {
        let values = latency.series.filter { $0.name == name }.flatMap(\.values).compactMap(\.self)
        #expect(values.count == 1)
        #expect(abs((values.first ?? 0) / exact - 1) <= 0.05, "\(name): \(values)")
      }
    }
  }

  @Test func `batches that meet in one step add up, and a longer window has the same requests`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for number in 1...5 {
        store.add(request(folder, number, secondsAgo: 60) { $0.tokensOut = 100 })
        await store.flush()
      }
      for step in [60_000, 600_000] as [Int64] {
        let window = lastHour(folder, step: step)
        let figures = try await read(store, window)
        let requests = try #require(figures["requests"]?.series.first { $0.name == "2xx" })
        let sum = requests.values.enumerated().map { ($0.element ?? 0) * window.seconds($0.offset) / 60 }
          .reduce(0, +)
        #expect(abs(sum - 5) < 0.001, "\(step): \(requests.values)")
        let tokens = try #require(figures["tokens"]?.series.first { $0.name == "out" })
        let all = tokens.values.enumerated().map { ($0.element ?? 0) * window.seconds($0.offset) }.reduce(0, +)
        #expect(abs(all - 500) < 0.001)
      }
    }
  }

  @Test func `statuses, finish reasons and cold starts are counted, and failures have no latency`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let statuses = [200, 200, 404, 429, 499, 503]
      for (number, status) in statuses.enumerated() {
        store.add(
          request(folder, number, secondsAgo: 30) {
            $0.status = status
            $0.latency = status == 200 ? 100 : 1e6
            $0.finishReason = status == 200 ? "stop" : nil
            $0.isColdStart = number == 0
          })
      }
      let figures = try await read(store, lastHour(folder))
      let names = figures["requests"]?.series.map(\.name)
      #expect(names == ["2xx", "429", "499", "4xx", "5xx"])
      #expect(figures["finish_reasons"]?.series.map(\.name) == ["stop"])
      #expect(figures["cold_starts"]?.series.count == 1)
      let p99 = figures["latency"]?.series.last { $0.name == "p99" }?.values.compactMap(\.self).max() ?? 0
      #expect(abs(p99 / 100 - 1) <= 0.05)
    }
  }

  @Test func `the time to the first token is that of streams only`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for (number, isStream) in [true, false].enumerated() {
        store.add(
          request(folder, number, secondsAgo: 30) {
            $0.isStream = isStream
            $0.timeToFirstToken = isStream ? 100 : 9000
          })
      }
      let ttft = try await read(store, lastHour(folder))["ttft"]
      let p99 = ttft?.series.last { $0.name == "p99" }?.values.compactMap(\.self) ?? []
      #expect(p99.count == 1 && abs((p99.first ?? 0) / 100 - 1) <= 0.05, "\(p99)")
    }
  }

  @Test func `during a rollout, each version has its own series, between its first and its last request`() async throws
  {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(request(folder, 1, secondsAgo: 3000))
      store.add(request(folder, 2, secondsAgo: 1000))
      store.add(request(folder, 3, secondsAgo: 100) { $0.modelVersion = "2" })
      let requests = try #require(try await read(store, lastHour(folder))["requests"])
      #expect(requests.series.map(\.version) == ["1", "2"])
      let known = requests.series.map { $0.values.compactMap(\.self).count }
      #expect(known[0] > known[1] && known[1] == 1, "\(known)")
      let zeros = requests.series[0].values.compactMap(\.self).filter { $0 == 0 }
      #expect(!zeros.isEmpty, "between two requests, there were none")
    }
  }

  @Test func `requests that retention removes are no longer in the figures`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(request(folder, 1, secondsAgo: 60))
      await store.flush()
      #expect(try await store.value("SELECT count(*) FROM telemetry_summary") == 2)
      await store.prune()
      #expect(try await store.value("SELECT count(*) FROM telemetry_summary") == 2)
      folder.time.advance(.seconds(31 * 86_400))
      await store.prune()
      #expect(try await store.value("SELECT count(*) FROM telemetry_summary") == 0)
    }
  }

  @Test func `with requests that are removed to make room, their short summaries go, and the long ones stay`()
    async throws
  {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for number in 0..<3000 {
        store.add(
          request(folder, number, secondsAgo: Int64(number) * 10) { $0.error = String(repeating: "x", count: 1000) })
      }
      await store.flush()
      let long = try await store.value("SELECT count(*) FROM telemetry_summary WHERE step = 300000")
      let small = try folder.store(maximumSize: 3 << 20)
      await small.prune()
      #expect(try await small.value("SELECT count(*) BETWEEN 1 AND 2999 FROM requests") == 1)
      #expect(
        try await small.value(
          """
          SELECT count(*) FROM telemetry_summary
            WHERE step = 10000 AND time < (SELECT min(time) FROM requests) - 10000
          """) == 0)
      #expect(try await small.value("SELECT count(*) FROM telemetry_summary WHERE step = 300000") == long)
    }
  }

  @Test func `a damaged summary does not hide the others`() {
    var summary = RequestSummary()
    var row = RequestRow(requestID: "r", time: 0, route: "invocations", status: 200)
    (row.latency, row.finishReason, row.tokensIn) = (12, "stop", 7)
    summary.add(row)
    #expect(RequestSummary(summary.bytes) == summary)
    for count in 0..<summary.bytes.count { #expect(RequestSummary(Array(summary.bytes.prefix(count))) == nil) }
    #expect(RequestSummary([99]) == nil)
    #expect(RequestSummary([UInt8](repeating: 0xFF, count: 40)) == nil)
  }

  @Test func `reasons that an engine invents are limited`() {
    var summary = RequestSummary()
    for number in 0..<100 {
      var row = RequestRow(requestID: "r\(number)", time: 0, route: "invocations", status: 200)
      row.finishReason = "reason \(number)"
      summary.add(row)
    }
    #expect(summary.finishReasons.count <= 17)
    #expect(summary.finishReasons.values.reduce(0, +) == 100)
  }
}
