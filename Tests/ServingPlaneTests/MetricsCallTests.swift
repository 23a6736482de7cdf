import CanonicalJSON
import LibCurl
import PrometheusMetrics
import Telemetry
import Testing

@testable import ServingPlane

/// The metrics that a whole plane shows and exports.
@Suite(.serialized)
struct MetricsCallTests {
  private static func number(_ text: String, _ name: String, _ labels: [String: String]) -> Double? {
    let family = PrometheusReader(text).families.first { $0.name == name }
    return family?.samples.first { sample in labels.allSatisfy { sample.labels[$0.key] == $0.value } }?.value.number
  }

  /// A plane with the endpoint `chat`, which has answered two requests.
  private func withChat(
    _ data: TestData, adjust: @escaping @Sendable (inout PlaneConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (PlaneClient, MemoryBackend) async throws -> Void
  ) async throws {
    try await withMemoryBackend { backend in
      let all: (inout PlaneConfiguration) -> Void = {
        $0.backend = backend
        $0.telemetry.scrapeEvery = .milliseconds(50)
        adjust(&$0)
      }
      try await withPlane(data, adjust: all) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
        _ = try await plane.waitUntilSettled("chat")
        for _ in 1...2 { _ = try await plane.chat("chat") }
        try await body(plane, backend)
      }
    }
  }

  @Test func `the plane's metrics have endpoints, requests, replicas, starts and the engines' own`() async throws {
    try await withChat(TestData()) { plane, backend in
      backend.report("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 4\n")
      try await eventually("the engine's metrics are there") {
        let text = try await plane.call("GET", "/metrics").text
        return Self.number(text, "vllm:num_requests_running", ["endpoint": "chat", "version": "1"]) == 4
      }
      let metrics = try await plane.call("GET", "/metrics")
      #expect(metrics.status == 200 && metrics.headers["Content-Type"] == PrometheusText.contentType)
      let text = metrics.text
      let served = ["endpoint": "chat", "entity": "main", "version": "1", "status": "2xx"]
      #expect(Self.number(text, "setpoint_requests_total", served) == 2)
      #expect(Self.number(text, "setpoint_endpoint_ready", ["endpoint": "chat"]) == 1)
      #expect(Self.number(text, "setpoint_replicas", ["endpoint": "chat", "version": "1", "phase": "ready"]) == 1)
      #expect(Self.number(text, "setpoint_replica_start_failures_total", ["endpoint": "chat"]) == 0)
      #expect((Self.number(text, "setpoint_connections", [:]) ?? 0) >= 1)
      #expect((Self.number(text, "process_open_fds", [:]) ?? 0) > 3)
      #expect(Self.number(text, "setpoint_telemetry_rows_written_total", ["table": "requests"]) != nil)
    }
  }

  @Test func `a deleted endpoint leaves no series`() async throws {
    try await withChat(TestData()) { plane, _ in
      _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
      try await eventually("nothing is left of it") {
        try await plane.call("GET", "/metrics").text.contains("\"chat\"") == false
      }
    }
  }

  @Test func `the metrics need a token`() async throws {
    try await withChat(TestData()) { plane, _ in
      for path in ["/metrics", "/api/2.0/serving-endpoints/chat/metrics"] {
        let answer = try await plane.call("GET", path, headers: [])
        #expect(answer.status == 401, "\(path)")
      }
    }
  }

  @Test func `an endpoint's metrics are exported as text, or as OpenMetrics on request`() async throws {
    try await withChat(TestData()) { plane, _ in
      let path = "/api/2.0/serving-endpoints/chat/metrics"
      let plain = try await plane.call("GET", path)
      #expect(plain.status == 200 && plain.headers["Content-Type"] == PrometheusText.contentType)
      let capacity = Self.number(
        plain.text, "provisioned_concurrent_requests_total", ["served_entity_name": "main", "entity_version": "1"])
      #expect((capacity ?? 0) > 0)
      #expect(!plain.text.contains("vllm:"))
      let authorization = HTTPField("Authorization", "Bearer " + plane.token)
      let open = try await plane.call(
        "GET", path, headers: [authorization, HTTPField("Accept", "application/openmetrics-text;version=1.0.0")])
      #expect(open.headers["Content-Type"]?.hasPrefix("application/openmetrics-text") == true)
      #expect(open.text.hasSuffix("# EOF\n"))
      let missing = try await plane.call("GET", "/api/2.0/serving-endpoints/none/metrics")
      #expect(missing.status == 404 && missing.code == "RESOURCE_DOES_NOT_EXIST")
    }
  }

  @Test func `a plane exports logs, metrics and traces until it ends, and the client's span is the parent`()
    async throws
  {
    let collector = OTLPCollector()
    try await collector.run { port in
      let target = try OTLPTarget("http://127.0.0.1:\(port)", environment: [:])
      try await withChat(TestData(), adjust: { $0.telemetry.otlp = target }) { plane, _ in
        let sent = try await plane.call(
          "POST", "/serving-endpoints/chat/invocations", ["messages": [["role": "user", "content": "Hi"]]],
          headers: [
            HTTPField("Authorization", "Bearer " + plane.token), HTTPField("Content-Type", "application/json"),
            HTTPField("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
          ])
        #expect(sent.status == 200)
      }
    }
    let traces = collector.text("/v1/traces")
    #expect(traces.contains(#""traceId":"4bf92f3577b34da6a3ce929d0e0e4736""#))
    #expect(traces.contains(#""parentSpanId":"00f067aa0ba902b7""#))
    #expect(traces.contains("gen_ai.operation.name"))
    #expect(collector.text("/v1/metrics").contains("gen_ai.server.request.duration"))
    #expect(collector.text("/v1/logs").contains("INFO Starting to load model"))
  }
}
