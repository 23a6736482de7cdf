import CanonicalJSON
import Endpoints
import ServingAPI
import Testing

@Suite struct WireConfigTests {
  private func config(_ text: String) throws -> EndpointConfig {
    try #require(WireConfig(try JSONValue(parsing: text))).endpointConfig
  }

  @Test func `a config is sent with every default spelled out`() throws {
    let config = EndpointConfig(entities: [
      ServedEntity(name: "next", entityName: "a.b.m", entityVersion: "8", environment: ["A": "1"], traffic: 10),
      ServedEntity(entityName: "a.b.m", entityVersion: "7", workloadType: "GPU_MEDIUM", scaleToZero: true, traffic: 90),
    ])
    let expected = try JSONValue(
      parsing: """
        {"served_entities":[
          {"name":"m-7","entity_name":"a.b.m","entity_version":"7","workload_type":"GPU_MEDIUM",
           "workload_size":"Small","scale_to_zero_enabled":true},
          {"name":"next","entity_name":"a.b.m","entity_version":"8","workload_type":"CPU","workload_size":"Small",
           "scale_to_zero_enabled":false,"environment_vars":{"A":"1"}}],
         "traffic_config":{"routes":[{"served_entity_name":"m-7","traffic_percentage":90},
           {"served_entity_name":"next","traffic_percentage":10}]}}
        """)
    #expect(WireConfig(config).json == expected)
    #expect(WireConfig(config).json.text().contains(#""scale_to_zero_enabled":false"#))
  }

  @Test func `a config that is sent reads back as the same config`() {
    let config = EndpointConfig(entities: [
      ServedEntity(
        name: "a", entityName: "c.s.m", entityVersion: "1", workloadType: "GPU_SMALL", workloadSize: "Large",
        scaleToZero: true, environment: ["X": "y"], traffic: 25),
      ServedEntity(entityName: "c.s.m", entityVersion: "2", traffic: 75),
    ])
    #expect(WireConfig(config).endpointConfig == config)
  }

  @Test(arguments: [
    (
      #"{"served_entities":[{"entity_name":"a.b.m","entity_version":"3"}]}"#,
      ServedEntity(entityName: "a.b.m", entityVersion: "3"), "the server's defaults"
    ),
    (
      #"{"served_entities":[{"name":"m-3","entity_name":"a.b.m","entity_version":3,"workload_type":"","workload_size":""}]}"#,
      ServedEntity(entityName: "a.b.m", entityVersion: "3"), "blanks, a number for the version, the default name"
    ),
    (
      #"{"served_models":[{"name":"x","model_name":"a.b.m","model_version":"3","workload_size":"Medium"}]}"#,
      ServedEntity(name: "x", entityName: "a.b.m", entityVersion: "3", workloadSize: "Medium"), "the older mirror alone"
    ),
    (
      #"{"served_entities":[],"served_models":[{"model_name":"a.b.m","model_version":3}]}"#,
      ServedEntity(entityName: "a.b.m", entityVersion: "3"), "an empty list beside the mirror"
    ),
    (
      """
      {"served_entities":[{"entity_name":"a.b.m","entity_version":"3","workload_size":"",
        "min_provisioned_concurrency":4,"max_provisioned_concurrency":8}]}
      """,
      ServedEntity(entityName: "a.b.m", entityVersion: "3", concurrency: ProvisionedConcurrency(min: 4, max: 8)),
      "sized by concurrency, size blank"
    ),
    (
      """
      {"served_entities":[{"entity_name":"a.b.m","entity_version":"3","workload_size":"Small",
        "min_provisioned_concurrency":4,"max_provisioned_concurrency":4}]}
      """,
      ServedEntity(entityName: "a.b.m", entityVersion: "3", concurrency: ProvisionedConcurrency(min: 4, max: 4)),
      "a size filled in beside concurrency (Q16)"
    ),
    (
      #"{"served_entities":[{"entity_name":"a.b.m","entity_version":"3","max_provisioned_concurrency":8}]}"#,
      ServedEntity(entityName: "a.b.m", entityVersion: "3", concurrency: ProvisionedConcurrency(min: 0, max: 8)),
      "no lower bound"
    ),
    (
      """
      {"served_entities":[{"entity_name":"a.b.m","entity_version":"3"}],
       "traffic_config":{"routes":[{"served_model_name":"m-3","traffic_percentage":100}]}}
      """,
      ServedEntity(entityName: "a.b.m", entityVersion: "3"), "a route under the older name only"
    ),
    (
      #"{"served_entities":[{"entity_name":"a.b.m","entity_version":"3","environment_vars":{"N":1,"F":true,"S":"s"}}]}"#,
      ServedEntity(entityName: "a.b.m", entityVersion: "3", environment: ["N": "1", "F": "true", "S": "s"]),
      "an environment with a number"
    ),
    (
      #"{"served_entities":[{"name":"gpt","external_model":{"name":"gpt-x","provider":"other"}}]}"#,
      ServedEntity(name: "gpt", entityName: "gpt-x", entityVersion: "", workloadSize: "Small"), "an external model"
    ),
  ])
  func `a single entity is read in every form of a server`(text: String, expected: ServedEntity, what: String) throws {
    #expect(try config(text) == EndpointConfig(entities: [expected]))
  }

  @Test func `a split is read by name in any order, and an entity without a route gets no traffic`() throws {
    let split = try config(
      """
      {"served_entities":[{"name":"b","entity_name":"m","entity_version":"2"},
         {"name":"a","entity_name":"m","entity_version":"1"},{"name":"c","entity_name":"m","entity_version":"3"}],
       "traffic_config":{"routes":[{"served_entity_name":"a","served_model_name":"a","traffic_percentage":90},
         {"served_model_name":"b","traffic_percentage":10}]}}
      """)
    #expect(split.entities.map(\.name) == ["a", "b", "c"])
    #expect(split.entities.map(\.traffic) == [90, 10, 0])
  }

  @Test func `fields that a served entity cannot hold are named`() throws {
    let json = try JSONValue(
      parsing:
        #"{"provisioned_model_units":4,"external_model":{},"burst_scaling_enabled":false,"instance_profile_arn":"arn"}"#
    )
    #expect(WireServedEntity(json)?.unrepresentedMembers == ["instance_profile_arn", "provisioned_model_units"])
    var config = WireConfig(members: ["auto_capture_config": ["enabled": true]])
    config.servedEntities = [try #require(WireServedEntity(json)), WireServedEntity()]
    config.servedEntities?[0].name = "main"
    #expect(
      config.unrepresentedMembers == [
        "auto_capture_config", "served_entities[main].instance_profile_arn",
        "served_entities[main].provisioned_model_units",
      ])
    config.members["auto_capture_config"] = ["enabled": false, "catalog_name": "c"]
    #expect(!config.unrepresentedMembers.contains("auto_capture_config"), "a member that is always off is no loss")
  }

  @Test func `every member of a wrong type is found, with its location`() throws {
    let json = try JSONValue(
      parsing: """
        {"name":7,"tags":[{"key":"a","value":1},"x"],"unheard":{},
         "config":{"served_entities":[{"scale_to_zero_enabled":"false","entity_version":3,
            "environment_vars":{"A":1},"workload_size":null}],"traffic_config":{"routes":{}}}}
        """)
    #expect(
      WireCreateRequest(json)?.typeFindings() == [
        "config.served_entities[0].environment_vars.A: expected a string, found a number",
        "config.served_entities[0].scale_to_zero_enabled: expected true or false, found a string",
        "config.traffic_config.routes: expected an array, found an object",
        "name: expected a string, found a number",
        "tags[0].value: expected a string, found a number",
        "tags[1]: expected an object, found a string",
      ])
  }

  @Test func `a create request and a tag patch contain only the given fields`() {
    #expect(WireCreateRequest(name: "e", config: nil).json == ["name": "e"])
    #expect(WireTagPatch(add: [], delete: []).json == [:])
    #expect(
      WireTagPatch(add: WireTag.list(["b": "", "a": "1"]), delete: ["z"]).json
        == [
          "add_tags": [["key": "a", "value": "1"], ["key": "b", "value": ""]], "delete_tags": ["z"],
        ])
  }
}
