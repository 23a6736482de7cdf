import CanonicalJSON
import Endpoints
import LibCurl
import Scheduling
import Synchronization
import Testing

@testable import ServingPlane

private final class Tokens: Sendable {
  private let state = Mutex(0)
  var count: Int { state.withLock { $0 } }
  func add() { state.withLock { $0 += 1 } }
}

/// Planes whose endpoints stop while there are no requests.
@Suite(.serialized)
struct ScaleToZeroTests {
  private static func idle(_ time: String, size: String = "Small") -> JSONValue {
    entity("hello", 1, size: size, environment: ["SETPOINT_PLANE": #"{"idleAfter":"\#(time)"}"#], scalesToZero: true)
  }

  /// Waits until an endpoint is scaled to zero and nothing of its replicas is left.
  private static func untilAsleep(_ plane: PlaneClient, _ backend: MemoryBackend) async throws -> JSONValue {
    let asleep = try await plane.wait("chat") { $0.activeEntity.deploymentMessage.hasPrefix("Scaled to zero") }
    try await eventually("its replicas have ended") { backend.remaining.isEmpty }
    return asleep
  }

  @Test func `an idle endpoint stops its replica and stays ready, and ten held requests wake one`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [Self.idle("1s")])
        let asleep = try await Self.untilAsleep(plane, backend)
        #expect(asleep.state["ready"] == "READY" && asleep.state["config_update"] == "NOT_UPDATING")
        #expect(asleep.activeEntity.deployment == "DEPLOYMENT_READY")
        #expect(backend.terminated.count == 1, "it was asked to shut down")

        backend.setLoading(true)
        let answers = try await withThrowingTaskGroup(of: PlaneClient.ClientResponse.self) { group in
          for _ in 0..<10 { group.addTask { try await plane.chat("chat") } }
          try await eventually("a replica is started") { backend.starts == 2 }
          let waking = try await plane.get("chat").json
          #expect(waking.state["ready"] == "READY", "\(waking.activeEntity.deploymentMessage)")
          try await eventually("ten requests wait") {
            try await plane.chat("chat", maxWait: "0").message.contains("and 10 more requests are waiting")
          }
          backend.setLoading(false)
          return try await group.reduce(into: [PlaneClient.ClientResponse]()) { $0.append($1) }
        }
        #expect(answers.map(\.sentence) == Array(repeating: "Hello from memory", count: 10))
        #expect(answers.contains { $0.headers["x-setpoint-cold-start-ms"] != nil })
        #expect(backend.starts == 2)
      }
    }
  }

  @Test func `a wake that fails answers who waits with its cause, and further requests at once`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.planner.backoff.first = .seconds(3600)
          $0.planner.backoff.cap = .seconds(3600)
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [Self.idle("1s")])
        _ = try await Self.untilAsleep(plane, backend)
        backend.refuse(ReplicaFailure("no node has room"))
        for _ in 0..<2 {
          let refused = try await plane.chat("chat")
          #expect(refused.status == 503 && refused.message.contains("no node has room"), "\(refused.text)")
          #expect(refused.headers["retry-after"] != nil)
        }
        let failing = try await plane.get("chat").json
        #expect(failing.state["ready"] == "NOT_READY")
        #expect(failing.activeEntity.deploymentMessage.contains("the last start failed: no node has room"))
        #expect(backend.starts == 1)
      }
    }
  }

  @Test func `an endpoint that sleeps stays asleep when the plane restarts, until a request comes`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, end: .abrupt, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [Self.idle("1s")])
        _ = try await Self.untilAsleep(plane, backend)
      }
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        let found = try await plane.get("chat").json
        #expect(found.state["ready"] == "READY")
        #expect(found.activeEntity.deploymentMessage.hasPrefix("Scaled to zero"))
        #expect(backend.starts == 1)
        let sentence = try await plane.chat("chat").sentence
        #expect(sentence == "Hello from memory")
        #expect(backend.starts == 2)
      }
    }
  }

  @Test func `a plane that is killed while it wakes an endpoint continues after its restart`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, end: .abrupt, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [Self.idle("1s")])
        _ = try await Self.untilAsleep(plane, backend)
        backend.setLoading(true)
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { _ = try? await plane.chat("chat") }
          try await eventually("a replica is started") { backend.starts == 2 }
          group.cancelAll()
        }
      }
      let tokens = Tokens()
      backend.onToken { tokens.add() }
      backend.setLoading(false)
      try await withPlane(data, adjust: { $0.backend = backend }) { _ in
        // Nobody sends a request, so only the plane itself can have asked a replica for a token.
        try await eventually("a replica is ready") { tokens.count > 0 }
      }
    }
  }
}
