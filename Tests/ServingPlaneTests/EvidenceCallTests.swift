import CanonicalJSON
import Diagnosis
import LibCurl
import ServingAPI
import Testing

@testable import ServingPlane

/// What a plane says about an endpoint for a diagnosis.
@Suite(.serialized)
struct EvidenceCallTests {
  private static func evidence(_ plane: PlaneClient, _ query: String = "") async throws -> WireEvidence {
    let answer = try await plane.call("GET", "/api/setpoint/serving-endpoints/chat/evidence\(query)")
    #expect(answer.status == 200, "\(answer.text)")
    return try #require(WireEvidence(answer.json))
  }

  @Test func `a failed start has the cause's code, the log's line and the failed update`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["start_failure": "bfloat16_on_t4"]))
      _ = try await plane.create("chat", [entity("hello", 1, name: "main")])
      _ = try await plane.waitUntilSettled("chat")
      let evidence = try await Self.evidence(plane)
      #expect(evidence.typeFindings().isEmpty && evidence.isReady == false)
      #expect(evidence.update?.hasFailed == true && evidence.update?.entity == "main")
      let main = try #require(evidence.entities?.first)
      #expect(main.isPending == true && main.ready == 0 && main.model == "hello" && main.version == "1")
      #expect(main.failure?.code == "bad-dtype", "\(main)")
      #expect(main.failure?.line?.contains("T4") == true && main.failure?.wasReady == false)
      #expect(evidence.failures?.isEmpty == false && evidence.failures?.allSatisfy { $0.code == "bad-dtype" } == true)
    }
  }

  @Test func `requests that found the queue full are told apart from others`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(switches: ["first_token_ms": 400]))
      let plane1 = #"{"concurrency":1,"queue":{"length":1}}"#
      _ = try await plane.create("chat", [entity("hello", 1, name: "main", environment: ["SETPOINT_PLANE": plane1])])
      _ = try await plane.waitUntilSettled("chat")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<6 { group.addTask { _ = try await plane.chat("chat") } }
        try await group.waitForAll()
      }
      _ = try await plane.chat("chatt")
      try await eventually("all requests are recorded") {
        let outcomes = try await Self.evidence(plane).requests?.outcomes ?? []
        return outcomes.reduce(0) { $0 + ($1.count ?? 0) } == 6
      }
      let evidence = try await Self.evidence(plane)
      let refused = try #require(evidence.requests?.outcomes?.first { $0.kind == "queue_full" }, "\(evidence)")
      #expect(refused.status == 429 && (refused.count ?? 0) >= 3, "\(refused)")
      #expect(refused.example?.contains("is at its limit") == true)
      #expect(evidence.settings?.queueLength == 1 && evidence.settings?.concurrency == 1)
      #expect(evidence.isReady == true && evidence.entities?.first?.ready == 1)
      #expect(evidence.load?.waiting == 0 && evidence.dropped?.rows == 0)
      #expect((evidence.requests?.latency?.p50 ?? 0) >= 400, "\(evidence)")
      #expect(evidence.requests?.byPrincipal?.map(\.name) == ["admin"])
      try await eventually("the wrong name is recorded") {
        let requests = try await Self.evidence(plane).requests
        return requests?.unrouted == 1 && requests?.unroutedNames == ["chatt"]
      }
    }
  }

  @Test func `an endpoint that is scaled to zero is asleep, and has no failure`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        let idle = ["SETPOINT_PLANE": #"{"idleAfter":"1s"}"#]
        _ = try await plane.create("chat", [entity("hello", 1, name: "main", environment: idle, scalesToZero: true)])
        _ = try await plane.wait("chat") { $0.activeEntity.deploymentMessage.hasPrefix("Scaled to zero") }
        let evidence = try await Self.evidence(plane)
        let main = try #require(evidence.entities?.first)
        #expect(main.sleep == "asleep" && main.failure == nil && main.isPending == false)
        #expect(evidence.isReady == true && evidence.settings?.idleAfter == 1000)
        #expect((evidence.load?.idleFor ?? 0) > 0)
      }
    }
  }

  @Test func `the call needs a token, an endpoint and a valid period`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let path = "/api/setpoint/serving-endpoints/chat/evidence"
      #expect(try await plane.call("GET", path).status == 404)
      #expect(try await plane.call("GET", path, headers: []).status == 401)
      for period in ["0", "-1", "soon"] {
        let answer = try await plane.call("GET", "\(path)?window_ms=\(period)")
        #expect(answer.status == 400 && answer.message.contains("window_ms"), "\(answer.text)")
      }
    }
  }

  @Test func `every cause of a failed start has a remedy`() {
    #expect(StartFailure.allCodes.subtracting(Diagnosis.codes) == [])
  }
}
