import CanonicalJSON
import Endpoints
import Scheduling
import Testing

@testable import ServingPlane

/// What a plane says about a config before it is sent.
@Suite(.serialized)
struct ForecastTests {
  private static func path(_ name: String) -> String { "/api/setpoint/serving-endpoints/\(name)/forecast" }

  private func forecast(
    _ plane: PlaneClient, _ name: String, _ entities: [JSONValue]
  ) async throws -> PlaneClient.ClientResponse {
    try await plane.call("POST", Self.path(name), ["served_entities": .array(entities)])
  }

  @Test(arguments: [
    (1, "Small", "swap"), (2, "Small", "both"), (2, "Medium", "swap"), (3, "Medium", "part"), (4, "Medium", "both"),
  ])
  func `the forecast says how much of both versions fits, and the rollout is like it`(
    slots: Int, size: String, room: String
  ) async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(
        data,
        adjust: {
          $0.backend = backend
          $0.slots = slots
        }
      ) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.register("hello", try data.model(say: "new"))
        _ = try await plane.create("chat", [entity("hello", 1, size: size)])
        let before = try await plane.waitUntilSettled("chat")
        let answer = try await forecast(plane, "chat", [entity("hello", 2, size: size)])
        #expect(answer.status == 200 && answer.json["room"]?.stringValue == room, "\(answer.text)")
        #expect((answer.json["last_start_ms"]?.intValue ?? -1) >= 0, "\(answer.text)")
        #expect(answer.json["refusal"] == nil)
        let after = try await plane.get("chat").json
        #expect(after == before && backend.starts == (size == "Small" ? 1 : 2), "nothing has changed")
        _ = try await plane.put("chat", [entity("hello", 2, size: size)])
        _ = try await plane.waitUntilSettled("chat")
        #expect(backend.peak == slots, "the rollout used the whole machine, and no more")
      }
    }
  }

  @Test func `a config that replaces no replica has no effect, and one that cannot run is refused with the reason`()
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
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        let same = try await forecast(plane, "chat", [entity("hello", 1)])
        #expect(same.json["room"] == "kept" && same.json["refusal"] == nil, "\(same.text)")
        let large = try await forecast(plane, "chat", [entity("hello", 1, size: "Medium")])
        #expect(large.json["refusal"]?.stringValue?.contains("needs 2 slots for all its replicas") == true)
        let full = try await forecast(plane, "other", [entity("hello", 1)])
        #expect(full.json["refusal"]?.stringValue?.contains("1 more slot is needed") == true, "\(full.text)")
        #expect(full.json["refusal"]?.stringValue?.hasSuffix(#"do not scale to zero: "chat""#) == true, "\(full.text)")
        #expect(full.json["fails_at_once"] == true && large.json["fails_at_once"] == nil)
        let reserved = try await forecast(plane, "databricks-chat", [entity("hello", 1)])
        #expect(reserved.json["refusal"]?.stringValue?.contains("are reserved") == true, "\(reserved.text)")
        let missing = try await plane.get("other")
        #expect(missing.status == 404 && backend.starts == 1)
      }
    }
  }

  @Test func `a model version or an adapter that does not exist is refused as by the update`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        let adapter = #"[{"model":"nope","name":"tone","version":"7"}]"#
        for sent in [entity("hello", 7), entity("hello", 1, environment: ["SETPOINT_ADAPTERS": adapter])] {
          let answer = try await forecast(plane, "chat", [sent])
          let refused = try await plane.put("chat", [sent])
          #expect(refused.status == 404 && answer.status == 200, "\(refused.text)")
          #expect(answer.json["refusal"]?.stringValue == refused.message, "\(answer.text)")
          #expect(answer.json["fails_at_once"] == nil)
        }
      }
    }
  }

  @Test func `a new endpoint waits for the room of one that scales to zero`() async throws {
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
        let first = try await forecast(plane, "chat", [entity("hello", 1)])
        #expect(first.json["room"] == "start", "\(first.text)")
        _ = try await plane.create("chat", [entity("hello", 1, scalesToZero: true)])
        _ = try await plane.waitUntilSettled("chat")
        let second = try await forecast(plane, "other", [entity("hello", 1)])
        #expect(second.json["room"] == "wait" && second.json["refusal"] == nil, "\(second.text)")
      }
    }
  }

  @Test func `the call needs a token`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let answer = try await plane.call("POST", Self.path("chat"), ["served_entities": []], headers: [])
      #expect(answer.status == 401)
    }
  }
}
