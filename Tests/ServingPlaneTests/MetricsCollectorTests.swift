import CanonicalJSON
import Logging
import PrometheusMetrics
import Telemetry
import Testing

@testable import ServingPlane

@Suite struct MetricsCollectorTests {
  private static let now: Int64 = 1_795_301_460_000_000_000

  private static let engines = """
    # HELP vllm:num_requests_running Requests that run.
    # TYPE vllm:num_requests_running gauge
    vllm:num_requests_running{engine="0"} 2.0
    vllm:num_requests_running{engine="1"} 3.0
    # TYPE vllm:num_requests_waiting gauge
    vllm:num_requests_waiting{engine="0"} 7.0
    # TYPE vllm:kv_cache_usage_perc gauge
    vllm:kv_cache_usage_perc{engine="0"} 0.25
    vllm:kv_cache_usage_perc{engine="1"} 0.75
    # TYPE vllm:num_preemptions_total counter
    vllm:num_preemptions_total{engine="0"} 4.0
    # TYPE vllm:prompt_tokens_total counter
    vllm:prompt_tokens_total{engine="0"} 100.0
    # TYPE vllm:prompt_tokens_created gauge
    vllm:prompt_tokens_created{engine="0"} 1795301400.0
    # TYPE vllm:generation_tokens_total counter
    vllm:generation_tokens_total{engine="0"} NaN
    # TYPE vllm:time_to_first_token_seconds histogram
    vllm:time_to_first_token_seconds_bucket{engine="0",le="0.1"} 1.0
    vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf"} 3.0
    vllm:time_to_first_token_seconds_count{engine="0"} 3.0
    vllm:time_to_first_token_seconds_sum{engine="0"} 1.5
    # TYPE python_gc_objects_collected_total counter
    python_gc_objects_collected_total{generation="0"} 9.0

    """

  /// Reads replicas of a backend once.
  private func collect(
    _ replicas: [CollectedReplica], into store: TelemetryStore?
  ) async -> PlaneTelemetry {
    let telemetry = PlaneTelemetry(store: store, log: Logger(label: "telemetry") { _ in SwiftLogNoOpLogHandler() })
    let probes = ReplicaProbes()
    let metrics = MetricsCollector(
      telemetry: telemetry, probes: probes, timing: ReplicaTiming(), replicas: { replicas }, now: { Self.now })
    await metrics.collect()
    await probes.shutdown()
    return telemetry
  }

  @Test func `the figures of ready replicas are the latest ones, and all series are rows`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      backend.report(Self.engines)
      let store = try data.telemetryStore()
      let replicas = [
        collected("r1", port: backend.port), collected("r2", isReady: false, port: backend.port),
        // Nothing listens there.
        collected("r3", port: 1),
      ]
      let telemetry = await collect(replicas, into: store)
      let latest = telemetry.latest(of: "endpoint-id")
      #expect(latest.count == 1 && telemetry.latest(of: "another").isEmpty)
      let figures = try #require(latest.first)
      #expect(figures.resource.replica == "r1" && figures.time == Self.now)
      #expect(figures.running == 5 && figures.waiting == 7 && figures.kvCacheUsage == 0.75)
      #expect(figures.preemptionsTotal == 4 && figures.promptTokensTotal == 100)
      #expect(figures.generationTokensTotal == nil && figures.prefixCacheHits == nil)

      let names = try await store.rows("SELECT name, count(*) FROM otel_metrics GROUP BY name ORDER BY name")
      let expected: [[JSONValue]] = [
        ["vllm:kv_cache_usage_perc", 2], ["vllm:num_preemptions_total", 1], ["vllm:num_requests_running", 2],
        ["vllm:num_requests_waiting", 1], ["vllm:prompt_tokens_total", 1], ["vllm:time_to_first_token_seconds", 1],
      ]
      #expect(names == expected)
      let tokens = try await store.rows(
        "SELECT value, time_unix_nano, start_time_unix_nano, replica, model_version FROM otel_metrics "
          + "WHERE name = 'vllm:prompt_tokens_total'")
      let row = try #require(tokens.first)
      #expect(row.dropFirst() == [.int(Self.now), .int(1_795_301_400_000_000_000), "r1", "3"])
      let units = try await store.rows("SELECT unit FROM otel_metrics WHERE name LIKE '%_seconds'")
      #expect(units == [["s"]])
    }
  }

  @Test func `figures are read under the names of older versions of vLLM`() {
    let text = """
      vllm:gpu_cache_usage_perc 0.5
      vllm:gpu_prefix_cache_hits_total 3
      vllm:gpu_prefix_cache_queries_total 8
      """
    let figures = ReplicaFigures(
      resource: TelemetryResource(endpoint: "chat"), time: 0, families: PrometheusReader(text).families)
    #expect(figures.kvCacheUsage == 0.5 && figures.prefixCacheHits == 3 && figures.prefixCacheQueries == 8)
    #expect(figures.running == nil)
  }

  @Test func `a replica that is no longer ready has no figures any more`() async throws {
    try await withMemoryBackend { backend in
      let telemetry = await collect([collected("r1", port: backend.port)], into: nil)
      #expect(telemetry.latest(of: "endpoint-id").map(\.running) == [0])
      telemetry.note([:])
      #expect(telemetry.latest(of: "endpoint-id").isEmpty)
    }
  }
}
