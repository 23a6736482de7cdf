import CanonicalJSON
import Scheduling
import Testing

@testable import ServingPlane

/// Planes with fewer slots than their endpoints have replicas.
@Suite(.serialized)
struct SlotTests {
  @Test func `two endpoints that are asked in turns on one slot both answer`() async throws {
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
        for name in ["one", "two"] {
          _ = try await plane.create(name, [entity("hello", 1, scalesToZero: true)])
          let settled = try await plane.waitUntilSettled(name)
          #expect(settled.state["ready"] == "READY", "\(settled.text())")
        }
        let stopped = try await plane.get("one").json
        #expect(stopped.state["ready"] == "READY")
        #expect(stopped.activeEntity.deploymentMessage.hasPrefix("Scaled to zero"))
        for name in ["one", "two", "one"] {
          let answer = try await plane.chat(name)
          #expect(answer.sentence == "Hello from memory", "\(answer.text)")
        }
        #expect(backend.starts == 5 && backend.peak == 1)
        #expect(backend.terminated.count == 4, "each was asked to shut down")
      }
    }
  }

  @Test func `an endpoint that does not scale to zero keeps its slot, and no config may need more than there are`()
    async throws
  {
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
        let large = try await plane.create("large", [entity("hello", 1, size: "Medium")])
        #expect(large.status == 400 && large.message.contains("needs 2 slots for all its replicas"), "\(large.text)")
        _ = try await plane.create("kept", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("kept")
        _ = try await plane.create("other", [entity("hello", 1, scalesToZero: true)])
        let failed = try await plane.waitUntilSettled("other")
        #expect(failed.state["config_update"] == "UPDATE_FAILED")
        #expect(failed.pendingEntity.deploymentMessage.contains("1 more slot is needed"))
        let sentence = try await plane.chat("kept").sentence
        #expect(sentence == "Hello from memory" && backend.starts == 1)
      }
    }
  }

  @Test func `an endpoint whose slot another one keeps for good says that no request can start it`() async throws {
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
        _ = try await plane.create("a", [entity("hello", 1, scalesToZero: true)])
        _ = try await plane.waitUntilSettled("a")
        _ = try await plane.create("other", [entity("hello", 1, scalesToZero: true)])
        _ = try await plane.waitUntilSettled("other")
        let before = try await plane.get("a").json.activeEntity.deploymentMessage
        #expect(before.contains("the next request starts a replica"), "\(before)")
        _ = try await plane.create("kept", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("kept")
        let after = try await plane.get("a").json.activeEntity.deploymentMessage
        let words =
          "no replica can start: it needs 1 slot, of which at most 0 can become free; endpoints that hold room"
        #expect(after.contains(words) && after.contains(#"do not scale to zero: "kept""#), "\(after)")
        #expect(!after.contains("the next request"))
      }
    }
  }

  @Test func `after a restart with fewer slots, an endpoint that does not scale to zero starts first`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(
        data, end: .abrupt,
        adjust: {
          $0.backend = backend
          $0.slots = 2
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("a", [entity("hello", 1, scalesToZero: true)])
        _ = try await plane.create("kept", [entity("hello", 1)])
        for name in ["a", "kept"] { _ = try await plane.waitUntilSettled(name) }
      }
      for id in backend.running { backend.exit(id, with: .code(1)) }
      #expect(backend.starts == 2)
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.slots = 1
        }
      ) { plane in
        let sentence = try await plane.chat("kept").sentence
        #expect(sentence == "Hello from memory" && backend.starts == 3)
      }
    }
  }

  @Test func `on a full machine, a new version replaces the old one while requests wait`() async throws {
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
        _ = try await plane.register("hello", try data.model(say: "new"))
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        backend.setLoading(true)
        _ = try await plane.put("chat", [entity("hello", 2)])
        try await eventually("the new version is started") { backend.starts == 2 }
        async let held = plane.chat("chat")
        backend.setLoading(false)
        let answer = try await held
        #expect(answer.sentence == "Hello from memory", "\(answer.text)")
        let settled = try await plane.waitUntilSettled("chat")
        #expect(settled.activeEntity["entity_version"] == "2" && backend.peak == 1)
      }
    }
  }

  @Test func `on a full machine, the old version comes back if the new one does not start`() async throws {
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
        _ = try await plane.register("hello", try data.model(say: "new"))
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        backend.refuse(ReplicaFailure("broken weights"), version: 2)
        _ = try await plane.put("chat", [entity("hello", 2)])
        // Sent at any time, it is answered.
        let answer = try await plane.chat("chat")
        #expect(answer.sentence == "Hello from memory", "\(answer.text)")
        let failed = try await plane.waitUntilSettled("chat")
        #expect(failed.state["config_update"] == "UPDATE_FAILED")
        #expect(failed.pendingEntity.deploymentMessage.contains("broken weights"))
        let restored = try await plane.wait("chat") { $0.state["ready"] == "READY" }
        #expect(restored.activeEntity["entity_version"] == "1")
        let sentence = try await plane.chat("chat").sentence
        #expect(sentence == "Hello from memory" && backend.peak == 1)
      }
    }
  }
}
