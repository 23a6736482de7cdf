import CanonicalJSON
import Testing

@testable import ServingPlane

/// The calls that show what endpoints do.
@Suite(.serialized)
struct MeasurementCallTests {
  private static let own = "/api/setpoint/serving-endpoints"

  /// Runs `body` with a plane that serves the endpoint `chat`.
  private func withChat(
    recordsTelemetry: Bool = true, _ body: @escaping @Sendable (PlaneClient, MemoryBackend) async throws -> Void
  ) async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      let adjust: (inout PlaneConfiguration) -> Void = {
        $0.backend = backend
        $0.telemetry.isOn = recordsTelemetry
        $0.telemetry.scrapeEvery = .milliseconds(50)
        $0.telemetry.collectEvery = .milliseconds(50)
      }
      try await withPlane(data, adjust: adjust) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
        _ = try await plane.waitUntilSettled("chat")
        try await body(plane, backend)
      }
    }
  }

  @Test func `requests appear in the figures of their endpoint`() async throws {
    try await withChat { plane, _ in
      #expect(try await plane.chat("chat").status == 200)
      try await eventually("the request is in the figures") {
        let answer = try await plane.call("GET", "\(Self.own)/chat/figures")
        #expect(answer.status == 200, "\(answer.text)")
        let requests = answer.json["figures"]?.arrayValue?.first { $0["name"] == "requests" }
        return requests?["series"]?.arrayValue?.contains { $0["name"] == "2xx" && $0["version"] == "1" } == true
      }
      let day = try await plane.call(
        "GET", "\(Self.own)/chat/figures?since_ms=1700000000000&until_ms=1700086400000&step_seconds=3600")
      #expect(day.json["from"] == .int(1_700_000_000_000 - 1_700_000_000_000 % 300_000), "a multiple of five minutes")
      #expect(day.json["step_seconds"] == 3600)
      #expect(day.json["figures"]?.arrayValue?.count == 13)
    }
  }

  @Test(arguments: [
    ("since_ms=x", "since_ms: expected a whole number"), ("since_ms=-1", "since_ms: expected a whole number"),
    ("until_ms=99999999999999999999", "until_ms: expected a whole number"),
    ("step_seconds=0", "step_seconds: expected"),
    ("since_ms=20&until_ms=10", "since_ms must be before until_ms"),
    ("since_ms=0&until_ms=1700000000000", "at most 400 days"),
  ])
  func `a span that cannot be shown is refused`(query: String, words: String) async throws {
    try await withPlane(TestData()) { plane in
      let answer = try await plane.call("GET", "\(Self.own)/chat/figures?\(query)")
      #expect(answer.status == 400 && answer.code == "INVALID_PARAMETER_VALUE", "\(answer.text)")
      #expect(answer.message.contains(words), "\(answer.text)")
    }
  }

  @Test func `an endpoint that does not exist has no figures and no output`() async throws {
    try await withPlane(TestData()) { plane in
      for call in ["figures", "logs"] {
        let answer = try await plane.call("GET", "\(Self.own)/missing/\(call)")
        #expect(answer.status == 404 && answer.code == "RESOURCE_DOES_NOT_EXIST", "\(answer.text)")
      }
    }
  }

  @Test func `top lists the endpoints with their state, replicas and engines`() async throws {
    try await withChat { plane, backend in
      backend.report("vllm:num_requests_running 3\nvllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc 0.5\n")
      #expect(try await plane.chat("chat").status == 200)
      try await eventually("the figures of the engine and of the request are there") {
        let answer = try await plane.call("GET", "/api/setpoint/top")
        let chat = answer.json["endpoints"]?.arrayValue?.first ?? .null
        let facts = Self.facts.map { chat[$0] ?? .null }
        let expected: [JSONValue] = ["chat", "ready", 1, 1, 3, 2, 0.5, 0]
        return facts == expected && (chat["requests_per_minute"]?.doubleValue ?? 0) > 0
      }
    }
  }

  private static let facts = [
    "name", "state", "replicas_ready", "replicas_desired", "running", "waiting", "kv_cache", "errors_per_minute",
  ]

  @Test func `recorded output is returned in pages`() async throws {
    try await withChat { plane, backend in
      for replica in backend.running { backend.write("a first line\na second line\n", as: replica) }
      try await eventually("the lines are recorded") {
        let answer = try await plane.call("GET", "\(Self.own)/chat/logs")
        return answer.json["lines"]?.arrayValue?.contains { $0["body"] == "a second line" } == true
      }
      let first = try await plane.call("GET", "\(Self.own)/chat/logs?limit=1")
      #expect(first.json["lines"]?.arrayValue?.count == 1 && first.json["is_complete"] == false)
      let next = try #require(first.json["next"]?.intValue)
      let rest = try await plane.call("GET", "\(Self.own)/chat/logs?after=\(next)")
      let bodies = rest.json["lines"]?.arrayValue?.compactMap { $0["body"]?.stringValue } ?? []
      #expect(bodies.suffix(2) == ["a first line", "a second line"] && rest.json["is_complete"] == true)
      let previous = try await plane.call("GET", "\(Self.own)/chat/logs?previous=true")
      #expect(previous.status == 404 && previous.message.contains("no output of an earlier version"))
    }
  }

  @Test func `without telemetry, figures and output are refused with the reason, and top still works`() async throws {
    try await withChat(recordsTelemetry: false) { plane, _ in
      for call in ["figures", "logs"] {
        let answer = try await plane.call("GET", "\(Self.own)/chat/\(call)")
        #expect(answer.status == 501 && answer.message.contains("--no-telemetry"), "\(answer.text)")
      }
      let top = try await plane.call("GET", "/api/setpoint/top")
      #expect(top.json["endpoints"]?.arrayValue?.first?["state"] == "ready", "\(top.text)")
    }
  }
}
