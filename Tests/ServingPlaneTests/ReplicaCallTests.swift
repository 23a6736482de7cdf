import CanonicalJSON
import Testing

@testable import ServingPlane

/// The plane's own calls about replicas, and the phases in an endpoint's state.
@Suite(.serialized)
struct ReplicaCallTests {
  private static func path(_ what: String, of name: String = "chat") -> String {
    "/api/setpoint/serving-endpoints/\(name)/\(what)"
  }

  private static func list(_ plane: PlaneClient, _ what: String) async throws -> [JSONValue] {
    let answer = try await plane.call("GET", path(what))
    #expect(answer.status == 200, "\(answer.text)")
    return answer.json[what]?.arrayValue ?? []
  }

  @Test func `the phases of a start are in the deployment message, in the list of replicas and in the events`()
    async throws
  {
    let data = TestData()
    try await withMemoryBackend { backend in
      backend.setLoading(true)
      let before = try await withPlane(data, end: .abrupt, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        let loading = try await plane.wait("chat") {
          $0.pendingEntity.deploymentMessage.contains("vLLM is loading the model (starting ")
        }
        let message = loading.pendingEntity.deploymentMessage
        #expect(message.hasPrefix("0 of 1 replicas are ready; vLLM is loading the model (starting "), "\(message)")
        let coming = try #require(try await Self.list(plane, "replicas").first)
        #expect(coming["phase"] == "loading weights" && coming["since"]?.intValue != nil, "\(coming)")
        #expect(coming["start"]?.arrayValue?.first?["duration_ms"]?.intValue != nil, "\(coming)")

        backend.setLoading(false)
        _ = try await plane.waitUntilSettled("chat")
        let ready = try #require(try await Self.list(plane, "replicas").first)
        #expect(ready["phase"] == "ready" && ready["id"] == coming["id"], "\(ready)")
        #expect(ready["entity_name"] == "hello" && ready["entity_version"] == "1" && ready["config_version"] == 1)
        let phases = (ready["start"]?.arrayValue ?? []).compactMap { $0["phase"]?.stringValue }
        #expect(phases == ["starting", "loading weights", "warming"])
        let events = try await Self.list(plane, "events")
        #expect(
          events.compactMap { $0["phase"]?.stringValue } == ["starting", "loading weights", "warming", "ready"])
        let last = events.last?["message"]?.stringValue ?? ""
        #expect(last.contains(" is ready after ") && last.contains(", warming "), "\(last)")
        return events
      }
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        try await eventually("the next plane knows them too") { try await Self.list(plane, "events") == before }
      }
    }
  }

  @Test func `the event of a replica that was stopped says why`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(
        data, end: .abrupt,
        adjust: {
          $0.backend = backend
          $0.slots = 1
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        for name in ["chat", "wiki"] {
          _ = try await plane.create(name, [entity("hello", 1, scalesToZero: true)])
          _ = try await plane.waitUntilSettled(name)
        }
        try await eventually("the replica has gone") {
          let last = try await Self.list(plane, "events").last?["message"]?.stringValue ?? ""
          return last.hasSuffix(" stopped: gave its place to endpoint \"wiki\"")
        }
      }
    }
  }

  @Test func `an unknown endpoint has no replicas, and the calls need a token`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      for what in ["replicas", "events"] {
        let missing = try await plane.call("GET", Self.path(what, of: "nobody"))
        #expect(missing.status == 404 && missing.code == "RESOURCE_DOES_NOT_EXIST", "\(missing.text)")
        let refused = try await plane.call("GET", Self.path(what, of: "nobody"), headers: [])
        #expect(refused.status == 401)
      }
    }
  }
}
