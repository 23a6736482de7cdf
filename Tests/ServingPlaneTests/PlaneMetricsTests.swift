import PrometheusMetrics
import Telemetry
import Testing

@testable import ServingPlane

/// What is counted of requests, and how it is written.
@Suite struct PlaneMetricsTests {
  private static let now: Int64 = 1_795_301_460_000_000_000
  private static let minute: Int64 = 60_000_000_000

  private static func row(_ status: Int = 200, version: String? = "3", endpoint: String? = "chat") -> RequestRow {
    var row = RequestRow(requestID: "r", time: 0, route: "chat/completions", status: status)
    row.endpoint = endpoint
    row.entity = version.map { _ in "main" }
    row.modelVersion = version
    row.queue = 500
    row.latency = 2500
    row.timeToFirstToken = 700
    row.isStream = true
    row.interTokenLatency = 20
    row.tokensIn = 10
    row.tokensOut = 90
    if status >= 400 { row.errorCode = "CODE_\(status)" }
    return row
  }

  private static func families(_ text: String) -> [String: PrometheusFamily] {
    Dictionary(PrometheusReader(text).families.map { ($0.name, $0) }, uniquingKeysWith: { one, _ in one })
  }

  /// The value of the only series with these labels.
  private static func value(
    _ families: [String: PrometheusFamily], _ name: String, _ labels: [String: String]
  ) -> PrometheusFamily.Value? {
    let samples = (families[name]?.samples ?? []).filter { sample in
      labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }
    return samples.count == 1 ? samples.first?.value : nil
  }

  @Test func `requests are counted by endpoint, version and class of status`() throws {
    let metrics = PlaneMetrics()
    for _ in 1...2 { metrics.count(Self.row(), at: Self.now) }
    metrics.count(Self.row(503), at: Self.now)
    metrics.count(Self.row(version: "4"), at: Self.now)
    metrics.count(Self.row(404, version: nil, endpoint: nil), at: Self.now)
    var exposition = PlaneExposition()
    exposition.requests = metrics.figures
    let read = Self.families(exposition.text(MetricRegistry()))
    func count(_ version: String, _ status: String, endpoint: String = "chat") -> Double? {
      Self.value(
        read, "setpoint_requests_total", ["endpoint": endpoint, "version": version, "status": status])?.number
    }
    #expect(count("3", "2xx") == 2 && count("3", "5xx") == 1 && count("4", "2xx") == 1)
    #expect(count("", "4xx", endpoint: "") == 1)
    let labels = ["endpoint": "chat", "entity": "main", "version": "3"]
    guard case .histogram(let duration) = Self.value(read, "setpoint_request_duration_seconds", labels) else {
      Issue.record("the family is not a histogram")
      return
    }
    #expect(duration.count == 3 && duration.sum == 7.5)
    let tokens = labels.merging(["type": "output"]) { $1 }
    #expect(Self.value(read, "setpoint_tokens_total", tokens)?.number == 270)
  }

  @Test func `the time to the first token is that of streams only`() {
    let metrics = PlaneMetrics()
    metrics.count(Self.row(), at: Self.now)
    var whole = Self.row()
    (whole.isStream, whole.timeToFirstToken) = (false, 2500)
    metrics.count(whole, at: Self.now)
    var exposition = PlaneExposition()
    exposition.requests = metrics.figures
    let read = Self.families(exposition.text(MetricRegistry()))
    guard case .histogram(let first) = Self.value(read, "setpoint_time_to_first_token_seconds", ["version": "3"]) else {
      Issue.record("the family is not a histogram")
      return
    }
    #expect(first.count == 1 && first.sum == 0.7)
  }

  @Test func `what no longer exists is forgotten, and what has no endpoint is kept`() {
    let metrics = PlaneMetrics()
    metrics.count(Self.row(), at: Self.now)
    metrics.count(Self.row(version: "2"), at: Self.now)
    metrics.count(Self.row(429, version: nil), at: Self.now)
    metrics.count(Self.row(endpoint: "gone"), at: Self.now)
    metrics.count(Self.row(404, version: nil, endpoint: nil), at: Self.now)
    metrics.keep(["chat": ["3"]])
    let kept = metrics.figures.keys.map { "\($0.endpoint)/\($0.version)" }
    #expect(Set(kept) == ["chat/3", "chat/", "/"])
  }

  @Test func `errors of ever new kinds are few series`() {
    let metrics = PlaneMetrics()
    for number in 1...1000 {
      var row = Self.row()
      row.errorCode = "E\(number)"
      metrics.count(row, at: Self.now)
    }
    let kinds = metrics.figures.values.flatMap(\.kinds.keys)
    #expect(kinds.count <= 41 && kinds.contains { $0.error == "_OTHER" })
  }

  @Test func `the conventions' histograms are cumulative, with their names, units and attributes`() throws {
    let metrics = PlaneMetrics()
    metrics.count(Self.row(), at: Self.now)
    metrics.count(Self.row(503), at: Self.now)
    let rows = metrics.conventionalRows(at: Self.now + 5)
    let duration = try #require(
      rows.first { $0.name == "gen_ai.server.request.duration" && $0.attributes["error.type"] == nil })
    #expect(duration.unit == "s" && duration.startTime == Self.now && duration.time == Self.now + 5)
    #expect(
      duration.attributes == [
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "vllm", "gen_ai.request.model": "chat",
        "gen_ai.response.model": "main",
      ])
    #expect(duration.resource.modelVersion == "3" && duration.resource.entity == "main")
    guard case .histogram(let count, let sum, let bounds, let counts) = duration.value else {
      Issue.record("not a histogram")
      return
    }
    #expect(count == 1 && sum == 2.5 && counts.count == bounds.count + 1 && counts.reduce(0, +) == 1)
    #expect(rows.contains { $0.name == "gen_ai.server.request.duration" && $0.attributes["error.type"] == "CODE_503" })
    #expect(Set(rows.map(\.name)).isSuperset(of: ["gen_ai.server.time_to_first_token", "gen_ai.client.token.usage"]))
    #expect(rows.contains { $0.name == "gen_ai.server.time_per_output_token" && $0.unit == "s" })
    let input = rows.first { $0.attributes["gen_ai.token.type"] == "input" }
    #expect(input?.unit == "{token}")
  }

  @Test func `the last whole minute is shown, and none if nothing happened in it`() {
    var minutes = RequestMinutes(minute: 10)
    minutes.add(Self.row(), minute: 10)
    minutes.add(Self.row(404), minute: 10)
    minutes.add(Self.row(500), minute: 11)
    #expect(minutes.last(before: 11).requests == 2 && minutes.last(before: 11).clientErrors == 1)
    #expect(minutes.last(before: 12).requests == 1 && minutes.last(before: 12).serverErrors == 1)
    #expect(minutes.last(before: 13).requests == 0)
    // The clock was set back.
    minutes.add(Self.row(), minute: 9)
    #expect(minutes.last(before: 12).requests == 2)
  }

  @Test func `an endpoint's metrics are gauges of the last minute, also of entities without requests`() {
    let metrics = PlaneMetrics()
    metrics.count(Self.row(), at: Self.now - Self.minute)
    metrics.count(Self.row(503), at: Self.now - Self.minute)
    let figures = ExposedEndpoint(
      id: "id", name: "chat", isReady: true, isSleeping: false, isUpdating: false, waiting: 0, inFlight: 0,
      replicas: [:],
      entities: [
        ExposedEndpoint.Entity(name: "main", version: "3", capacity: 64),
        ExposedEndpoint.Entity(name: "next", version: "4", capacity: 32),
      ])
    let exposition = EndpointExposition(
      endpoint: figures, requests: metrics.figures, minute: RequestMinutes.minute(of: Self.now))
    let read = Self.families(exposition.text(.prometheus))
    func number(_ name: String, _ entity: String) -> Double? {
      Self.value(read, name, ["served_entity_name": entity, "endpoint_name": "chat"])?.number
    }
    #expect(number("request_count_total", "main") == 2 && number("request_5xx_count_total", "main") == 1)
    #expect(number("request_count_total", "next") == 0 && number("provisioned_concurrent_requests_total", "next") == 32)
    #expect(read["request_count_total"]?.kind == .gauge && read["request_latency_ms"]?.kind == .histogram)
    guard case .histogram(let latency) = Self.value(read, "model_prediction_latency_ms", ["served_entity_name": "main"])
    else {
      Issue.record("the family is not a histogram")
      return
    }
    #expect(latency.count == 2 && latency.sum == 4000)
    #expect(exposition.text(.openMetrics).hasSuffix("# EOF\n"))
  }

  @Test func `an engine's metrics are shown with where they are from, and never as the plane's own`() {
    let engine = """
      # TYPE vllm:num_requests_running gauge
      vllm:num_requests_running{engine="0",version="x"} 2
      # TYPE process_resident_memory_bytes gauge
      process_resident_memory_bytes 5
      # TYPE vllm:e2e_request_latency_seconds histogram
      vllm:e2e_request_latency_seconds_bucket{le="1.0"} 1
      vllm:e2e_request_latency_seconds_bucket{le="+Inf"} 3
      vllm:e2e_request_latency_seconds_sum 12
      vllm:e2e_request_latency_seconds_count 3

      """
    func replica(_ id: String) -> ReplicaFigures {
      ReplicaFigures(
        resource: TelemetryResource(endpoint: "chat", entity: "main", modelVersion: "3", replica: id), time: Self.now,
        families: PrometheusReader(engine).families)
    }
    var exposition = PlaneExposition()
    exposition.replicas = [replica("r1"), replica("r2")]
    let read = Self.families(exposition.text(MetricRegistry()))
    let labels = ["endpoint": "chat", "entity": "main", "version": "3", "replica": "r2", "exported_version": "x"]
    #expect(Self.value(read, "vllm:num_requests_running", labels)?.number == 2)
    #expect(read["vllm:num_requests_running"]?.samples.count == 2)
    #expect(read["process_resident_memory_bytes"] == nil)
    #expect(
      Self.value(read, "vllm:e2e_request_latency_seconds", ["replica": "r1"])
        == .histogram(ScrapedHistogram(bounds: [1], counts: [1, 2], sum: 12, count: 3)))
  }
}
