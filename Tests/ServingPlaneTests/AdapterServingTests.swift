import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

/// Endpoints whose replicas serve LoRA adapters beside their models.
@Suite(.serialized) struct AdapterServingTests {
  private static func register(
    _ plane: PlaneClient, _ name: String, _ folder: String
  ) async throws -> PlaneClient.ClientResponse {
    try await plane.call("POST", "/api/2.1/unity-catalog/models/\(name)/versions", ["source": .string(folder)])
  }

  /// The variable for adapters, by the adapters' names.
  private static func adapters(_ versions: [String: (model: String, version: String)]) -> [String: String] {
    let items = versions.sorted { $0.key < $1.key }.map { name, version -> JSONValue in
      ["name": .string(name), "model": .string(version.model), "version": .string(version.version)]
    }
    return ["SETPOINT_ADAPTERS": JSONValue.array(items).text()]
  }

  private static func ask(_ plane: PlaneClient, _ model: String) async throws -> PlaneClient.ClientResponse {
    try await plane.call(
      "POST", "/v1/chat/completions", ["model": .string(model), "messages": [["role": "user", "content": "Hi"]]])
  }

  @Test func `an adapter answers under its own name, and another version of it is a rollout`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.register("hello", try data.model(say: "Hello from the model"))
      for say in ["Good day", "Good evening"] {
        let registered = try await Self.register(plane, "tone", try data.adapter(say: say))
        #expect(registered.status == 200 && registered.json["entrypoint"] == nil, "\(registered.text)")
      }
      let first = Self.adapters(["tone": ("tone", "1"), "late": ("tone", "2")])
      _ = try await plane.create("chat", [entity("hello", 1, environment: first)])
      let settled = try await plane.waitUntilSettled("chat")
      #expect(settled.state["ready"] == "READY", "\(settled.text())")
      let sentences = ["chat": "Hello from the model", "chat:tone": "Good day", "chat:late": "Good evening"]
      for (model, sentence) in sentences {
        let answer = try await Self.ask(plane, model)
        #expect(answer.sentence == sentence && answer.json["model"] == .string(model), "\(answer.text)")
      }
      let unknown = try await Self.ask(plane, "chat:other")
      #expect(unknown.status == 404 && unknown.json["error"]?["param"] == "model", "\(unknown.text)")
      #expect(unknown.message.contains(#"available: "chat", "hello-1", "chat:late", "chat:tone""#), "\(unknown.text)")
      let models = try await plane.call("GET", "/v1/models")
      #expect(models.json["data"]?.arrayValue?.map { $0["id"] } == ["chat", "chat:late", "chat:tone"])

      let before = try Set(data.replicaProcesses().map(\.identity))
      _ = try await plane.put("chat", [entity("hello", 1, environment: Self.adapters(["tone": ("tone", "2")]))])
      _ = try await plane.waitUntilSettled("chat")
      let changed = try await Self.ask(plane, "chat:tone")
      #expect(changed.sentence == "Good evening", "\(changed.text)")
      let after = try Set(data.replicaProcesses().map(\.identity))
      #expect(!after.isSubset(of: before), "a new replica was started")
      try await eventually("the removed adapter is unknown") {
        try await Self.ask(plane, "chat:late").status == 404
      }
    }
  }

  @Test func `adapters that cannot be served are refused before anything starts`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let model = try data.model()
      try data.write(["model.layers.0.mlp.up_proj.weight": [64, 32]], to: model + "/m/model.safetensors")
      _ = try await plane.register("hello", model)
      let flags = " --enable-lora --lora-modules a=adapters/a --max-lora-rank 16"
      _ = try await plane.register("own", model, entrypoint: TestData.entrypoint + flags)
      _ = try await Self.register(plane, "tone", try data.adapter())
      let other = try data.adapter(
        config: #"{"r": 4, "base_model_name_or_path": "acme/large"}"#,
        tensors: [
          "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": [4, 48],
          "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight": [64, 4],
        ])
      _ = try await Self.register(plane, "other", other)
      let tone = Self.adapters(["tone": ("tone", "1")])
      let cases: [(entity: JSONValue, status: Int, words: String)] = [
        (entity("hello", 1, environment: Self.adapters(["x": ("hello", "1")])), 400, "has no adapter_config.json"),
        (
          entity("hello", 1, environment: Self.adapters(["x": ("other", "1")])), 400,
          "the adapter \"x\" does not fit version 1 of model \"hello\": model.layers.0.mlp.up_proj is 64x48 in the "
            + "adapter, and 64x32 in the model; it was trained on acme/large"
        ),
        (entity("hello", 1, environment: Self.adapters(["x": ("tone", "2")])), 404, "has no version 2"),
        (entity("hello", 1, environment: Self.adapters(["x": ("nope", "1")])), 404, "models register nope"),
        (entity("hello", 1, environment: Self.adapters(["m": ("tone", "1")])), 400, "by which vLLM serves the model"),
        (entity("hello", 1, environment: ["SETPOINT_ADAPTERS": "[]"]), 400, "environment_vars: SETPOINT_ADAPTERS must"),
        (entity("own", 1, environment: tone), 400, "conflict with --lora-modules"),
        (
          entity("hello", 1, environment: tone.merging(["SETPOINT_ENGINE_ARGS": #"["--max-lora-rank", "4"]"#]) { $1 }),
          400,
          "the adapter \"tone\" has rank 8, but --max-lora-rank is 4; remove the flag"
        ),
        (entity("tone", 1), 400, "is a LoRA adapter, which is served only with its base model"),
      ]
      for (entity, status, words) in cases {
        let refused = try await plane.create("chat", [entity])
        #expect(refused.status == status && refused.message.contains(words), "\(refused.text)")
      }
      let list = try await plane.call("GET", "/api/2.0/serving-endpoints")
      #expect(list.json == ["endpoints": []])
      #expect(try data.replicaProcesses().isEmpty)
    }
  }
}
