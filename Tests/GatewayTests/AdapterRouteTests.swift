import CanonicalJSON
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

/// Queries for LoRA adapters, which some replicas have and others do not.
@Suite struct AdapterRouteTests {
  private static let tone = #"{"model":"chat:tone","messages":[]}"#

  @Test func `an adapter that a replica lists can be queried by its name`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in
      let body = #"{"id":"1","model":"tone","choices":[{"message":{"role":"assistant","content":"hi"}}]}"#
      return Response(
        status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(string: body)))
    }) { port in
      harness.ready("r1", port: port, models: ["m", "tone"])
      try await harness.run { client in
        let asked: [(path: String, body: String, headers: HTTPHeaders)] = [
          ("/v1/chat/completions", #"{"model":"chat:tone","messages":[]}"#, [:]),
          ("/serving-endpoints/chat/invocations", #"{"model":"tone","messages":[]}"#, [:]),
          ("/serving-endpoints/chat/served-models/m-1/invocations", #"{"model":"chat:tone","messages":[]}"#, [:]),
          (
            "/serving-endpoints/chat/invocations", #"{"messages":[]}"#,
            ["x-amzn-sagemaker-adapter-identifier": "tone"]
          ),
        ]
        for (path, body, headers) in asked {
          let answer = try await client.post(path, body, headers: headers)
          #expect(answer.status == 200, "\(path) \(answer.body)")
          #expect(answer.json["model"] == "chat:tone")
        }
        let other = try await client.post("/v1/chat/completions", #"{"model":"chat:other","messages":[]}"#)
        #expect(other.status == 404)
        let words = other.json["message"]?.stringValue ?? ""
        #expect(words.contains(#"available: "chat", "m-1", "chat:tone""#), "\(words)")
        #expect(try await client.post("/v1/chat/completions").json["model"] == "chat")
      }
    }
    let names = try replica.bodies.map { try JSONValue(parsing: $0)["model"]?.stringValue }
    #expect(names == ["tone", "tone", "tone", "tone", "m"])
  }

  @Test func `a prompt can be sent to an adapter`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: port, models: ["m", "tone"])
      try await harness.run { client in
        let path = "/serving-endpoints/chat/generate"
        let answer = try await client.post(path, #"{"prompt":"Hello","adapter":"tone"}"#)
        #expect(answer.status == 200 && answer.json["generated_text"] == "hi", "\(answer.body)")
        let base = try await client.post(path, #"{"prompt":"Hello","adapter":null}"#)
        #expect(base.status == 200, "\(base.body)")
        let other = try await client.post(path, #"{"prompt":"Hello","adapter":"other"}"#)
        let words = other.json["message"]?.stringValue ?? ""
        #expect(other.status == 404 && words.contains(#"available: "chat", "m-1", "chat:tone""#), "\(words)")
      }
    }
    let names = try replica.bodies.map { try JSONValue(parsing: $0)["model"]?.stringValue }
    #expect(names == ["tone", nil], "without an adapter, the replica's own model answers")
  }

  @Test func `the list of models has each endpoint with its adapters`() async throws {
    let harness = GatewayHarness()
    harness.ready("r1", port: RetryTests.nowhere, models: ["m", "tone", "brief"])
    try await harness.run { client in
      let list = try await client.post("/v1/models", "", method: .GET).json["data"]?.arrayValue ?? []
      #expect(list.map { $0["id"] } == ["chat", "chat:brief", "chat:tone"])
      #expect(list.map { $0["parent"] } == [JSONValue.null, "chat", "chat"])
      for path in ["/v1/models/chat:tone", "/serving-endpoints/models/chat%3Atone"] {
        let one = try await client.post(path, "", method: .GET)
        #expect(one.status == 200 && one.json["id"] == "chat:tone" && one.json["parent"] == "chat")
      }
      for path in ["/v1/models/chat:other", "/v1/models/chat:"] {
        let unknown = try await client.post(path, "", method: .GET)
        #expect(unknown.status == 404)
        let words = unknown.json["error"]?["message"]?.stringValue ?? ""
        #expect(words.contains(#"available: "chat", "m-1", "chat:brief", "chat:tone""#), "\(words)")
      }
      let elsewhere = try await client.post("/v1/models/nope:tone", "", method: .GET)
      #expect(elsewhere.status == 404 && elsewhere.json["message"]?.stringValue?.contains("nope:tone") == true)
    }
  }

  @Test func `a query for an adapter goes to its served entity, whatever the traffic split`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.admission.setTraffic([("m-1", 100), ("m-2", 0)])
      harness.ready("r1", port: port, models: ["m"])
      harness.ready("r2", port: port, entity: "m-2", models: ["m", "tone"])
      try await harness.run { client in
        let answer = try await client.post("/v1/chat/completions", #"{"model":"chat:tone","messages":[]}"#)
        #expect(answer.headers["served-model-name"] == ["m-2"])
        let pinned = try await client.post(
          "/serving-endpoints/chat/served-models/m-1/invocations", #"{"model":"tone","messages":[]}"#)
        #expect(pinned.status == 404)
      }
    }
  }

  @Test func `a query for an adapter waits for the first replica, which may have it`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      try await harness.run { client in
        async let asked = client.post("/v1/chat/completions", Self.tone).status
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        harness.ready("r1", port: port, models: ["m", "tone"])
        let first = try await asked
        #expect(first == 200)
        // Its names are kept while it is replaced.
        harness.admission.replicaGone("r1")
        async let again = client.post("/v1/chat/completions", Self.tone).status
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        harness.ready("r2", port: port, models: ["m", "tone"])
        let second = try await again
        #expect(second == 200)
        // Its successor does not have the adapter.
        harness.ready("r3", port: port, models: ["m"])
        harness.admission.replicaDraining("r2")
        let third = try await client.post("/v1/chat/completions", Self.tone).status
        #expect(third == 404)
      }
    }
  }

  @Test func `a replica that does not have an adapter yet does not refuse a query for it`() async throws {
    let (harness, replica) = (GatewayHarness(), ScriptedReplica())
    try await replica.run(answer: { _ in ScriptedReplica.completion("hi") }) { port in
      harness.ready("r1", port: RetryTests.nowhere, models: ["m"])
      harness.ready("r2", port: port, models: ["m", "tone"])
      harness.ready("r1", port: RetryTests.nowhere, models: ["m"])
      try await harness.run { client in
        for _ in 0..<4 {
          let status = try await client.post("/v1/chat/completions", Self.tone).status
          #expect(status == 200)
        }
      }
    }
    #expect(harness.records.allSatisfy { $0.replica == "r2" })
  }

  @Test func `names of a config that is being deployed are refused for now, and not as unknown`() async throws {
    let harness = GatewayHarness()
    harness.ready("r1", port: RetryTests.nowhere, models: ["m"])
    let asked = [
      ("/v1/chat/completions", Self.tone), ("/serving-endpoints/chat/invocations", #"{"model":"m-2","messages":[]}"#),
      ("/serving-endpoints/chat/served-models/m-2/invocations", #"{"messages":[]}"#),
    ]
    try await harness.run { client in
      harness.admission.setDeploying(["m-2"])
      for (path, body) in asked {
        let answer = try await client.post(path, body)
        #expect(answer.status == 503 && answer.headers["retry-after"] == ["10"], "\(answer.body)")
        #expect(answer.json["message"]?.stringValue?.contains("its config is being updated") == true)
      }
      let other = try await client.post("/serving-endpoints/chat/served-models/m-9/invocations", #"{"messages":[]}"#)
      #expect(other.status == 404)
      harness.admission.setDeploying([])
      for (path, body) in asked {
        let status = try await client.post(path, body).status
        #expect(status == 404)
      }
    }
  }

  @Test func `while the first config is being deployed, an adapter is refused with that reason`() async throws {
    let harness = GatewayHarness()
    harness.admission.setTraffic([])
    harness.admission.setUnavailable(reason: "its first config is being deployed")
    try await harness.run { client in
      let answer = try await client.post("/v1/chat/completions", Self.tone)
      #expect(answer.status == 503 && answer.headers["retry-after"] == ["10"])
      #expect(answer.json["message"]?.stringValue?.contains("its first config is being deployed") == true)
    }
  }

  @Test func `a busy replica with the adapter is waited for, although one without it is idle`() async throws {
    let (harness, replica, gate) = (GatewayHarness(), ScriptedReplica(), Gate())
    try await replica.run(answer: { _ in
      await gate.pass()
      return ScriptedReplica.completion("hi")
    }) { port in
      harness.ready("with", port: port, capacity: 1, models: ["m", "tone"])
      try await harness.run { client in
        async let first = client.post("/v1/chat/completions", Self.tone).status
        #expect(await eventually { harness.admission.snapshot.inFlight == 1 })
        harness.ready("without", port: RetryTests.nowhere, capacity: 1, models: ["m"])
        async let second = client.post("/v1/chat/completions", Self.tone).status
        #expect(await eventually { harness.admission.snapshot.waiting == 1 })
        gate.open()
        let statuses = try await [first, second]
        #expect(statuses == [200, 200])
      }
    }
    #expect(harness.records.allSatisfy { $0.replica == "with" } && harness.troubles.isEmpty)
  }
}
