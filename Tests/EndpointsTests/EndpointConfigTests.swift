import Endpoints
import Testing

@Suite struct EndpointConfigTests {
  private func entity(_ version: String, name: String? = nil, traffic: Int = 100) -> ServedEntity {
    ServedEntity(name: name, entityName: "main.support.qwen3", entityVersion: version, traffic: traffic)
  }

  @Test func `the order of entities does not matter to a config`() {
    let one = EndpointConfig(entities: [entity("7", traffic: 90), entity("8", traffic: 10)])
    let other = EndpointConfig(entities: [entity("8", traffic: 10), entity("7", traffic: 90)])
    #expect(one == other)
    #expect(one.digest == other.digest)
  }

  @Test func `spelling out the default name changes nothing`() {
    let silent = EndpointConfig(entities: [entity("7")])
    let spoken = EndpointConfig(entities: [entity("7", name: "qwen3-7")])
    #expect(silent == spoken)
    #expect(silent.digest == spoken.digest)
  }

  @Test func `a digest is taken of canonical JSON, in which every byte is determined`() {
    let config = EndpointConfig(entities: [
      ServedEntity(entityName: "main.s.m", entityVersion: "8", workloadSize: nil, traffic: 10),
      ServedEntity(
        name: "stable", entityName: "main.s.m", entityVersion: "7", workloadType: "GPU_MEDIUM", scaleToZero: true,
        environment: ["b": "say \"hé\"\n", "B": "", "a\u{1}": "{{secrets/s/k}}"], traffic: 90),
    ])
    #expect(
      String(decoding: config.canonicalJSON, as: UTF8.self) == #"""
        {"served_entities":[{"entity_name":"main.s.m","entity_version":"7","environment_vars":{"B":"",\#
        "a\u0001":"{{secrets/s/k}}","b":"say \"hé\"\n"},"name":"stable","scale_to_zero_enabled":true,\#
        "traffic_percentage":90,"workload_size":"Small","workload_type":"GPU_MEDIUM"},{"entity_name":"main.s.m",\#
        "entity_version":"8","scale_to_zero_enabled":false,"traffic_percentage":10,"workload_type":"CPU"}]}
        """#)
    #expect(EndpointConfig(entities: []).canonicalJSON == Array(#"{"served_entities":[]}"#.utf8))
  }

  @Test func `concurrency has its position in the canonical JSON, and a size beside it is ignored`() {
    let concurrency = ProvisionedConcurrency(min: 4, max: 16)
    let silent = ServedEntity(entityName: "m", entityVersion: "1", concurrency: concurrency)
    let echoed = ServedEntity(entityName: "m", entityVersion: "1", workloadSize: "Large", concurrency: concurrency)
    #expect(silent == echoed, "servers fill in a size that nobody chose (Q16)")
    #expect(
      String(decoding: EndpointConfig(entities: [silent]).canonicalJSON, as: UTF8.self) == #"""
        {"served_entities":[{"entity_name":"m","entity_version":"1","max_provisioned_concurrency":16,\#
        "min_provisioned_concurrency":4,"scale_to_zero_enabled":false,"traffic_percentage":100,\#
        "workload_type":"CPU"}]}
        """#)
  }

  @Test func `the digest of a config with a size does not change`() {
    // As recorded in tags and histories of previous versions.
    #expect(
      EndpointConfig(entities: [entity("7")]).digest.hex
        == "b030f7c8c66bd639ff2bac72f89514f011b57ba8505a000b712e70d130ca6e31")
  }

  @Test func `a live name that the manifest did not choose is not drift`() {
    let desired = EndpointConfig(entities: [entity("7")])
    let live = EndpointConfig(entities: [entity("7", name: "main")])
    #expect(desired.isMet(by: live))
    #expect(desired.digest != live.digest)
    #expect(!live.isMet(by: desired), "an explicit name counts")
  }

  @Test(arguments: [
    (ServedEntity(entityName: "a.b.m", entityVersion: "2"), "the version"),
    (ServedEntity(entityName: "a.b.n", entityVersion: "1"), "the model"),
    (ServedEntity(entityName: "a.b.m", entityVersion: "1", workloadType: "GPU_SMALL"), "the accelerator"),
    (ServedEntity(entityName: "a.b.m", entityVersion: "1", workloadSize: "Large"), "the size"),
    (
      ServedEntity(entityName: "a.b.m", entityVersion: "1", concurrency: ProvisionedConcurrency(min: 4, max: 4)),
      "concurrency in place of a size"
    ),
    (ServedEntity(entityName: "a.b.m", entityVersion: "1", scaleToZero: true), "scale to zero"),
    (ServedEntity(entityName: "a.b.m", entityVersion: "1", environment: ["A": "1"]), "the environment"),
    (ServedEntity(name: "x", entityName: "a.b.m", entityVersion: "1"), "a chosen name"),
  ])
  func `every field that causes a rollout changes the digest`(changed: ServedEntity, what: String) {
    let base = EndpointConfig(entities: [ServedEntity(entityName: "a.b.m", entityVersion: "1")])
    #expect(EndpointConfig(entities: [changed]).digest != base.digest, "\(what)")
  }

  @Test(arguments: [
    ("main.support.qwen3", "7", "qwen3-7"),
    ("bare", "12", "bare-12"),
    ("a.b.llama 3é", "1", "llama-3--1"),
    (String(repeating: "x", count: 80), "10", String(repeating: "x", count: 60) + "-10"),
  ])
  func `the default name is the model's last segment and the version`(model: String, version: String, name: String) {
    #expect(ServedEntity.defaultName(entityName: model, entityVersion: version) == name)
  }

  @Test func `the deadline follows the slowest workload unless the manifest sets one`() {
    let config = EndpointConfig(entities: [
      ServedEntity(entityName: "m", entityVersion: "1", workloadType: "CPU"),
      ServedEntity(entityName: "m", entityVersion: "2", workloadType: "GPU_XLARGE"),
    ])
    #expect(RolloutPolicy().deadline(for: config) == .seconds(7200))
    #expect(RolloutPolicy(deadline: .seconds(60)).deadline(for: config) == .seconds(60))
  }
}
