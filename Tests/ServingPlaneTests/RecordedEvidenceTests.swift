import CanonicalJSON
import ServingAPI
import Telemetry
import Testing

@testable import ServingPlane

/// What the telemetry store contributes to a diagnosis.
@Suite(.serialized)
struct RecordedEvidenceTests {
  /// Milliseconds since 1970.
  private static let now: Int64 = 2_000_000_000_000
  private static let window: Int64 = 900_000

  private static func request(
    _ id: Int, at time: Int64 = Self.now - 60_000, by principal: String? = "ann", replica: String? = "r1",
    status: Int = 200, error: String? = nil, queue: Double = 0, latency: Double = 1000,
    _ more: (inout RequestRow) -> Void = { _ in }
  ) -> TelemetryRow {
    var row = RequestRow(requestID: "q\(id)", time: time, route: "invocations", status: status)
    row.endpoint = "chat"
    row.principal = principal
    row.replica = replica
    row.modelVersion = "3"
    row.error = error
    row.queue = queue
    row.latency = latency
    more(&row)
    return .request(row)
  }

  private static func evidence(
    _ rows: [TelemetryRow], isManager: Bool = true, seesUnrouted: Bool = true, caller: String? = "ben"
  ) async throws -> WireEvidence {
    let data = TestData()
    let store = try data.telemetryStore()
    for row in rows { store.add(row) }
    await store.flush()
    var evidence = WireEvidence()
    let recorded = RecordedEvidence(
      endpoint: "chat", since: now - window, now: now, caller: caller, isManager: isManager,
      seesUnrouted: seesUnrouted)
    await recorded.add(to: &evidence, from: store)
    // Its files are removed with it.
    withExtendedLifetime(data) {}
    #expect(evidence.typeFindings().isEmpty && evidence.unknown == nil, "\(evidence)")
    return evidence
  }

  private static let slowCaller: [TelemetryRow] =
    (1...90).map { request($0, by: "ben", latency: Double($0) * 10) }
    + (91...100).map { request($0, by: "ann", replica: "r2", queue: 500, latency: 20_500) }

  @Test func `times at replicas are summed by caller and by replica, the largest first`() async throws {
    let requests = try #require(try await Self.evidence(Self.slowCaller).requests)
    let callers = requests.byPrincipal ?? []
    #expect(callers.map(\.name) == ["ann", "ben"])
    #expect(callers.map(\.requests) == [10, 90] && callers.map(\.busy) == [200_000, 40_950])
    #expect(requests.byReplica?.map(\.name) == ["r2", "r1"])
    #expect(requests.byReplica?.first?.meanBusy == 20_000)
    #expect(requests.byVersion?.map(\.name) == ["3"])
    #expect(requests.latency?.p50 == 500 && requests.latency?.p95 == 20_500, "\(requests)")
    #expect(requests.queue?.p50 == 0 && requests.queue?.p95 == 500)
  }

  @Test func `who may not manage the endpoint gets shares, but no names, messages or lines`() async throws {
    let line = LogRow(
      observedTime: (Self.now - 1000) * 1_000_000, time: nil, severityNumber: 17, severityText: "ERROR",
      body: "a secret of somebody", resource: TelemetryResource(endpoint: "chat", replica: "r1"))
    let refused = Self.request(101, by: "cid", status: 400, error: "cid sent this")
    let evidence = try await Self.evidence(
      Self.slowCaller + [refused, .log(line)], isManager: false, seesUnrouted: false)
    #expect(evidence.requests?.byPrincipal?.map(\.name) == [nil, "ben", nil])
    #expect(evidence.requests?.byPrincipal?.first?.requests == 10)
    #expect(evidence.requests?.unrouted == nil && evidence.lines == nil)
    let text = evidence.json.text()
    #expect(!text.contains("ann") && !text.contains("cid") && !text.contains("secret"), "\(text)")
    let ofOne = try await Self.evidence(Self.slowCaller + [refused, .log(line)], seesUnrouted: false)
    #expect(ofOne.requests?.unrouted == nil && ofOne.lines?.count == 1)
    let whole = try await Self.evidence(Self.slowCaller + [refused, .log(line)])
    #expect(whole.lines?.map(\.text) == ["a secret of somebody"])
    #expect(whole.requests?.outcomes?.contains { $0.example == "cid sent this" } == true)
  }

  @Test func `the time to the first token is that of streams`() async throws {
    let rows = [false, true].enumerated().map { index, isStream in
      Self.request(index, latency: 9000) {
        $0.isStream = isStream
        $0.timeToFirstToken = isStream ? 200 : 9000
      }
    }
    let requests = try #require(try await Self.evidence(rows).requests)
    #expect(requests.firstToken?.p99 == 200 && requests.latency?.p50 == 9000)
  }

  @Test func `refusals with the same code are told apart by what is recorded`() async throws {
    let kinds = ["rate_limit", "queue_full", "queue_bytes", "waited_too_long", nil]
    let rows = kinds.enumerated().map { index, kind in
      Self.request(index, replica: nil, status: 429, error: "message \(kind ?? "of the replica")") {
        $0.errorCode = "REQUEST_LIMIT_EXCEEDED"
        $0.refusal = kind
      }
    }
    let outcomes = try await Self.evidence(rows).requests?.outcomes ?? []
    #expect(outcomes.count == kinds.count, "\(outcomes)")
    for kind in kinds {
      let example = outcomes.first { $0.kind == kind }?.example
      #expect(example == "message \(kind ?? "of the replica")", "\(outcomes)")
    }
  }

  @Test func `requests before the period, of others and for unknown endpoints do not count as the endpoint's`()
    async throws
  {
    let rows = [
      Self.request(1, at: Self.now - Self.window - 1), Self.request(2) { $0.endpoint = "other" },
      Self.request(3, status: 404, error: "no serving endpoint \"chatt\"; available: \"chat\"") {
        $0.endpoint = nil
        $0.refusal = "unknown_endpoint"
      },
      Self.request(4) { $0.isColdStart = true },
    ]
    let requests = try #require(try await Self.evidence(rows).requests)
    #expect(requests.outcomes?.map(\.count) == [1] && requests.coldStarts == 1)
    #expect(requests.unrouted == 1 && requests.unroutedNames == ["chatt"])
  }

  @Test func `figures of engines are means over time, and counters what was added in the period`() async throws {
    func row(_ name: String, _ value: MetricRow.Value, at seconds: Int64) -> TelemetryRow {
      .metric(
        MetricRow(
          time: (Self.now + seconds * 1000) * 1_000_000, name: name, value: value, attributes: ["engine": "0"],
          resource: TelemetryResource(endpoint: "chat", replica: "r1")))
    }
    let engines = try await Self.evidence([
      row("vllm:kv_cache_usage_perc", .gauge(0.2), at: -60), row("vllm:kv_cache_usage_perc", .gauge(1), at: -45),
      row("vllm:num_preemptions_total", .sum(7, isMonotonic: true), at: -60),
      row("vllm:num_preemptions_total", .sum(19, isMonotonic: true), at: -45),
      row("vllm:num_requests_waiting", .gauge(4), at: -60), row("vllm:num_requests_waiting", .gauge(4), at: -45),
      row("vllm:num_requests_running", .gauge(9), at: -2000),
      row("vllm:num_preemptions", .sum(3, isMonotonic: true), at: -2000),
      row("vllm:gpu_prefix_cache_hits_total", .sum(3, isMonotonic: true), at: -2000),
      row("vllm:gpu_prefix_cache_hits_total", .sum(3, isMonotonic: true), at: -60),
      row("vllm:gpu_prefix_cache_hits_total", .sum(8, isMonotonic: true), at: -45),
    ]).engines
    let engine = try #require(engines?.first)
    #expect(engines?.count == 1 && engine.replica == "r1")
    #expect(engine.cacheMost == 1 && abs((engine.cacheMean ?? 0) - 0.6) < 0.001, "\(engine)")
    #expect(engine.preemptions == 12 && engine.waitingMean == 4 && engine.waitingMost == 4)
    #expect(engine.runningMean == nil, "it was before the period")
    #expect(engine.prefixHits == 5, "the value before had lasted into the period")
  }

  @Test func `without a store, the rest is unknown, and said to be`() async {
    var evidence = WireEvidence()
    let recorded = RecordedEvidence(
      endpoint: "chat", since: 0, now: 1, caller: nil, isManager: true, seesUnrouted: true)
    await recorded.add(to: &evidence, from: nil)
    #expect(evidence.requests == nil && evidence.dropped == nil)
    #expect(evidence.unknown?.first?.contains("records no telemetry") == true)
  }
}
