import CanonicalJSON
import Endpoints
import ServingAPI
import Testing

@Suite struct WireEndpointTests {
  /// The detailed object of a workspace during an update, with members that no SDK documents.
  static let golden = """
    {"name":"chat-prod","id":"0f3c00000000000000000000000000aa","creator":"deployer@example.com","task":"llm/v1/chat",
     "creation_timestamp":1767225600000,"last_updated_timestamp":1767229200000,"permission_level":"CAN_MANAGE",
     "route_optimized":false,"description":"","tags":[{"key":"team","value":"nlp"},{"key":"bare"}],
     "creator_kind":"User","state":{"ready":"READY","config_update":"IN_PROGRESS","suspend":"NOT_SUSPENDED"},
     "config":{"config_version":7,"start_time":1767229000000,
      "served_entities":[{"name":"main","entity_name":"ml.prod.qwen","entity_version":"4","type":"UC_MODEL",
        "workload_type":"GPU_MEDIUM","workload_size":"Small","scale_to_zero_enabled":false,
        "batching_config":{"enabled":false},
        "creator":"deployer@example.com","creation_timestamp":1767229000000,
        "state":{"deployment":"DEPLOYMENT_READY","deployment_state_message":""}}],
      "served_models":[{"name":"main","model_name":"ml.prod.qwen","model_version":"4"}],
      "traffic_config":{"routes":[{"served_model_name":"main","served_entity_name":"main","traffic_percentage":100}]}},
     "pending_config":{"config_version":8,"start_time":1767229200000,
      "served_entities":[{"name":"main","entity_name":"ml.prod.qwen","entity_version":5,
        "workload_type":"GPU_MEDIUM","workload_size":"Small","scale_to_zero_enabled":false,
        "environment_vars":{"A":"1","HF_TOKEN":"{{secrets/llm/hf}}"},
        "state":{"deployment":"DEPLOYMENT_CREATING",
          "deployment_state_message":"Creating resources for served entity."}}]}}
    """

  private func wire(_ text: String) throws -> WireEndpoint {
    try #require(WireEndpoint(try JSONValue(parsing: text)))
  }

  @Test func `an endpoint is read in full during an update`() throws {
    let observed = try wire(Self.golden).observed(as: "chat-prod")
    let active = ServedEntity(
      name: "main", entityName: "ml.prod.qwen", entityVersion: "4", workloadType: "GPU_MEDIUM", workloadSize: "Small",
      scaleToZero: false, traffic: 100)
    let pending = ServedEntity(
      name: "main", entityName: "ml.prod.qwen", entityVersion: "5", workloadType: "GPU_MEDIUM", workloadSize: "Small",
      scaleToZero: false, environment: ["A": "1", "HF_TOKEN": "{{secrets/llm/hf}}"], traffic: 100)
    #expect(
      observed
        == ObservedEndpoint(
          name: "chat-prod", id: "0f3c00000000000000000000000000aa", creator: "deployer@example.com",
          active: ObservedConfig(
            version: 7, config: EndpointConfig(entities: [active]),
            deployments: ["main": .init(state: "DEPLOYMENT_READY", message: "")], startTime: 1_767_229_000_000),
          pending: ObservedConfig(
            version: 8, config: EndpointConfig(entities: [pending]),
            deployments: [
              "main": .init(state: "DEPLOYMENT_CREATING", message: "Creating resources for served entity.")
            ], startTime: 1_767_229_200_000),
          readiness: .ready, update: .inProgress, tags: ["team": "nlp", "bare": ""], lastUpdated: 1_767_229_200_000))
    #expect(try wire(Self.golden).announcedVersion == 8)
  }

  @Test func `unknown members survive reading, changing and writing`() throws {
    let before = try JSONValue(parsing: Self.golden)
    var endpoint = try wire(Self.golden)
    #expect(endpoint.json == before)
    endpoint.description = "changed"
    var entity = try #require(endpoint.config?.servedEntities?.first)
    entity.entityVersion = "9"
    endpoint.config?.servedEntities = [entity]
    #expect(endpoint.json["creator_kind"] == "User")
    #expect(endpoint.json["state"]?["suspend"] == "NOT_SUSPENDED")
    let written = try #require(endpoint.json["config"]?["served_entities"]?.arrayValue?.first)
    #expect(written["batching_config"] == ["enabled": false])
    #expect(written["entity_version"] == "9")
    #expect(endpoint.unknownMembers.keys.sorted() == ["creator_kind"])
  }

  @Test func `an unknown state is kept, and is neither ready nor settled`() throws {
    let observed = try wire(#"{"name":"e","state":{"ready":"ALMOST_READY","config_update":"THINKING"}}"#)
      .observed(as: "e")
    #expect(observed.readiness == .unknown("ALMOST_READY"))
    #expect(observed.update == .unknown("THINKING"))
    #expect(observed.update.isUpdating)
    #expect(WireState(ready: observed.readiness, configUpdate: observed.update).json["ready"] == "ALMOST_READY")
  }

  @Test(arguments: [
    ("{}", "nothing at all", true),
    (#"{"state":{"ready":"NOT_READY","config_update":"NOT_UPDATING"}}"#, "created without config", false),
    (#"{"config":{},"state":{"ready":"NOT_READY","config_update":"UPDATE_FAILED"}}"#, "an empty config", false),
    (#"{"config":null,"pending_config":null,"tags":null,"state":{"config_update":"NOT_UPDATING"}}"#, "nulls", false),
    (#"{"tags":[],"state":{"ready":"NOT_READY","update_state":"NOT_UPDATING"}}"#, "a very old server", false),
  ])
  func `a missing member means no config, and is not an error`(text: String, what: String, updating: Bool) throws {
    let observed = try wire(text).observed(as: "asked")
    #expect(observed.name == "asked")
    #expect(observed.active == nil)
    #expect(observed.pending == nil)
    #expect(observed.readiness != .ready)
    #expect(observed.update.isUpdating == updating)
    #expect(observed.tags.isEmpty)
  }

  @Test func `tags are read with repeated keys, missing values and unknown members`() throws {
    let endpoint = try wire(#"{"tags":[{"key":"a","value":"1","by":"x"},{"value":"lost"},{"key":"a","value":"2"},7]}"#)
    #expect(WireTag.dictionary(endpoint.tags ?? []) == ["a": "2"])
  }

  @Test func `both forms of the response to a tag patch are read`() throws {
    let array = try JSONValue(parsing: #"[{"key":"a","value":"1"}]"#)
    #expect(WireTags(response: array)?.tags == [WireTag(key: "a", value: "1")])
    #expect(WireTags(response: ["tags": array])?.tags == [WireTag(key: "a", value: "1")])
    #expect(WireTags(response: "no") == nil)
  }
}
