import CanonicalJSON
import Endpoints
import History
import Storage
import Testing

@Suite struct ConfigSnapshotTests {
  private let key = RedactionKey(bytes: Array(0..<32))

  private func config(version: String = "7", _ environment: [String: String]) -> EndpointConfig {
    EndpointConfig(entities: [
      ServedEntity(
        name: "main", entityName: "main.support.qwen3", entityVersion: version, workloadType: "GPU_MEDIUM",
        workloadSize: "Medium", scaleToZero: true, environment: environment, traffic: 100)
    ])
  }

  private func stored(_ config: EndpointConfig) throws -> ConfigSnapshot {
    try ConfigSnapshot(json: JSONValue(parsing: ConfigSnapshot(of: config, key: key).json.text()))
  }

  @Test func `a plaintext environment value is not recorded`() {
    let text = ConfigSnapshot(of: config(["PASSWORD": "hunter2", "LEVEL": "INFO"]), key: key).json.text()
    #expect(!text.contains("hunter2"))
    #expect(!text.contains("INFO"))
    #expect(text.contains("PASSWORD"))
  }

  @Test(arguments: [
    ("HF_TOKEN", "{{secrets/llm/hf}}", true),
    ("HF_TOKEN", "{{secrets/llm/hf}}x", false),
    ("HF_TOKEN", "{{secrets/llm}}", false),
    ("HF_TOKEN", "{{secrets/a}}b{{secrets/c}}", false),
    ("SETPOINT_ENGINE_ARGS", #"["--max-num-batched-tokens","2048"]"#, true),
    ("SETPOINT_ENGINE_ARGS", #"["--api-key","abc"]"#, false),
    ("SETPOINT_ENGINE_ARGS", #"["--hf_token=abc"]"#, false),
    ("SETPOINT_ENGINE_ARGS", #"["--otlp-traces-endpoint","http://a:b@c"]"#, false),
    ("SETPOINT_PLANE", #"{"concurrency":8,"queue":{"wait":"1m"}}"#, true),
    ("SETPOINT_PLANE", #"{"password":"abc"}"#, false),
    ("SETPOINT_ADAPTERS", #"[{"model":"m","name":"tone","version":"3"}]"#, true),
    ("SETPOINT_ADAPTERS", #"[{"model":"m","name":"tone","password":"abc"}]"#, false),
  ])
  func `secret references, engine flags, adapters and settings for a plane are recorded as written, credentials never`(
    variable: String, value: String, isKept: Bool
  ) throws {
    let original = config([variable: value])
    #expect(ConfigSnapshot(of: original, key: key).json.text().contains("hmac") != isKept)
    if isKept { #expect(try stored(original).restored(from: [], key: key) == original) }
  }

  @Test func `a config is restored in full while its values are still available`() throws {
    let original = config(["LEVEL": "INFO", "HF_TOKEN": "{{secrets/llm/hf}}"])
    let manifest = config(version: "8", ["LEVEL": "DEBUG"])
    let live = config(version: "8", ["LEVEL": "INFO"])
    let restored = try stored(original).restored(from: [manifest, live], key: key)
    #expect(restored == original)
    #expect(restored.digest == original.digest)
  }

  @Test func `concurrency instead of a size is restored`() throws {
    let original = EndpointConfig(entities: [
      ServedEntity(
        entityName: "m", entityVersion: "1", concurrency: ProvisionedConcurrency(min: 4, max: 16),
        environment: ["HF_TOKEN": "{{secrets/llm/hf}}"])
    ])
    let snapshot = try stored(original)
    #expect(try snapshot.restored(from: [], key: key) == original)
    #expect(snapshot.outline.entities.first?.concurrency == ProvisionedConcurrency(min: 4, max: 16))
    #expect(!ConfigSnapshot(of: config([:]), key: key).json.text().contains("concurrency"), "a size is unchanged")
  }

  @Test func `records from before concurrency are still readable`() throws {
    let entity = #"""
      {"entity_name":"m","entity_version":"1","environment_vars":{},"scale_to_zero_enabled":false,
       "traffic_percentage":100,"workload_type":"CPU"
      """#
    func restored(_ members: String) throws -> EndpointConfig {
      let json = try JSONValue(parsing: #"{"format":1,"served_entities":["# + entity + members + "}]}")
      return try ConfigSnapshot(json: json).restored(from: [], key: key)
    }
    let sized = try restored(#","workload_size":"Small""#)
    #expect(sized == EndpointConfig(entities: [ServedEntity(entityName: "m", entityVersion: "1")]))
    #expect(sized.digest.description == "e3b8d6d692c8")
    let unsized = try restored("")
    #expect(unsized.entities.first?.workloadSize == nil && unsized.entities.first?.concurrency == nil)
  }

  @Test func `every value that is no longer available is named`() async throws {
    let original = config(["B": "2", "A": "1", "C": "3"])
    let snapshot = try stored(original)
    let error = await historyError {
      _ = try snapshot.restored(from: [config(["C": "3", "B": "changed"])], key: key)
    }
    #expect(error?.kind == .cannotRestore)
    #expect(error?.message.contains("A, B are not stored in the history") == true)
    #expect(error?.message.contains("C") == false)
  }

  @Test func `the value of another variable is not used instead`() async throws {
    let snapshot = try stored(config(["A": "same"]))
    let error = await historyError { _ = try snapshot.restored(from: [config(["B": "same"])], key: key) }
    #expect(error?.kind == .cannotRestore)
  }

  @Test func `a different key proves nothing`() async throws {
    let original = config(["A": "1"])
    let snapshot = try stored(original)
    let other = RedactionKey(bytes: Array(1..<33))
    let error = await historyError { _ = try snapshot.restored(from: [original], key: other) }
    #expect(error?.kind == .cannotRestore)
  }

  @Test(arguments: [
    ("{}", StorageError.Kind.damaged),
    (#"{"format":1}"#, .damaged),
    (#"{"format":1,"served_entities":[{}]}"#, .damaged),
    (#"{"format":2,"served_entities":[]}"#, .newer),
  ])
  func `a damaged record is an error with the reason`(text: String, kind: StorageError.Kind) async {
    let error = await historyError { _ = try ConfigSnapshot(json: JSONValue(parsing: text)) }
    #expect(error?.kind == kind)
  }
}
