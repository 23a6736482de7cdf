import CanonicalJSON
import LibCurl
import Testing

@testable import ServingPlane

/// Planes with endpoints whose number of replicas follows the load. Each replica takes one request at a time, unless a
/// test says otherwise.
@Suite(.serialized)
struct LoadScalingTests {
  private static func scaled(_ version: Int, least: Int64 = 4, most: Int64 = 8, requests: Int = 1) -> JSONValue {
    let usual = entity("hello", version, environment: ["SETPOINT_PLANE": #"{"concurrency":\#(requests)}"#])
    let concurrency: [String: JSONValue] = [
      "workload_size": "", "min_provisioned_concurrency": .int(least), "max_provisioned_concurrency": .int(most),
    ]
    return .object((usual.objectValue ?? [:]).merging(concurrency) { $1 })
  }

  /// The number of replicas that have processes.
  private static func running(_ data: TestData) throws -> Int {
    try data.replicaProcesses().count { $0.identity.pid == $0.session }
  }

  /// Sets how long each replica takes for a token.
  private static func setPause(_ milliseconds: Int64, _ plane: PlaneClient, _ data: TestData) async throws {
    for record in try EndpointStore(path: data.settings.storePath).replicas() where record.ended == nil {
      let switches: JSONValue = ["token_ms": .int(milliseconds)]
      _ = try await plane.http.execute(
        HTTPRequest(method: "POST", url: "http://127.0.0.1:\(record.port)/standin", body: switches.bytes())
      ).body.collect()
    }
  }

  @Test func `a request that waits starts a second replica, which stops after the time of less load`() async throws {
    let data = TestData()
    try await withPlane(data, adjust: { $0.scaleDownAfter = .seconds(1) }) { plane in
      let words = (1...20).map { "w\($0)" }.joined(separator: " ")
      _ = try await plane.register("hello", try data.model(say: words, switches: ["token_ms": 2000]))
      _ = try await plane.create("chat", [Self.scaled(1)])
      let first = try await plane.waitUntilSettled("chat")
      let single = "1 replica is ready; the number follows the load, from 1 to 2"
      #expect(first.activeEntity.deploymentMessage == single)
      #expect(try Self.running(data) == 1)

      // Left alone, each would take 40 s.
      async let one = plane.chat("chat")
      async let other = plane.chat("chat")
      let grown = try await plane.wait("chat") {
        $0.activeEntity.deploymentMessage.hasPrefix("2 replicas are ready; the number follows the load, from 1 to 2")
      }
      #expect(grown.state["ready"] == "READY" && grown.activeEntity.deployment == "DEPLOYMENT_READY")
      #expect(try Self.running(data) == 2)
      try await Self.setPause(0, plane, data)
      let answers = try await [one, other]
      #expect(answers.map(\.sentence) == [words, words])
      _ = try await plane.wait("chat") { $0.activeEntity.deploymentMessage == single }
      try await eventually("the surplus replica is gone") { try Self.running(data) == 1 }
    }
  }

  @Test func `a request at a replica that the load no longer needs may take longer than an update would let it`()
    async throws
  {
    let data = TestData()
    try await withPlane(
      data,
      adjust: {
        $0.scaleDownAfter = .seconds(1)
        $0.timing.drainDeadline = .milliseconds(1)
      }
    ) { plane in
      let words = (1...20).map { "w\($0)" }.joined(separator: " ")
      _ = try await plane.register("hello", try data.model(say: words, switches: ["token_ms": 2000]))
      _ = try await plane.create("chat", [Self.scaled(1)])
      _ = try await plane.waitUntilSettled("chat")
      async let one = plane.chat("chat")
      async let other = plane.chat("chat")
      _ = try await plane.wait("chat") { $0.activeEntity.deploymentMessage.hasPrefix("2 replicas are ready") }
      // From now on, one replica would take both.
      let changed = try await plane.put("chat", [Self.scaled(1, requests: 2)])
      #expect(changed.status == 200, "\(changed.text)")
      _ = try await plane.wait("chat") { $0.activeEntity.deploymentMessage.hasPrefix("1 replica is ready") }
      try await Self.setPause(0, plane, data)
      let answers = try await [one, other]
      #expect(answers.map(\.sentence) == [words, words])
      try await eventually("the surplus replica is gone") { try Self.running(data) == 1 }
    }
  }

  @Test func `concurrency from 0 with scale to zero is accepted, and shown as it was sent`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        var members = Self.scaled(1, least: 0).objectValue ?? [:]
        members["scale_to_zero_enabled"] = true
        _ = try await plane.create("chat", [.object(members)])
        let settled = try await plane.waitUntilSettled("chat")
        #expect(settled.state["ready"] == "READY")
        #expect(settled.activeEntity["min_provisioned_concurrency"] == 0)
        #expect(settled.activeEntity["max_provisioned_concurrency"] == 8)
        #expect(backend.starts == 1)
      }
    }
  }

  @Test func `a config whose least number of replicas needs more room than there is, is refused`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.slots = 1
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        let large = try await plane.create("large", [Self.scaled(1, least: 8, most: 16)])
        #expect(large.status == 400, "\(large.text)")
        #expect(large.message.contains("needs 2 slots for its least number of replicas"), "\(large.text)")
        _ = try await plane.create("chat", [Self.scaled(1)])
        let settled = try await plane.waitUntilSettled("chat")
        #expect(settled.state["ready"] == "READY")
      }
    }
  }
}
