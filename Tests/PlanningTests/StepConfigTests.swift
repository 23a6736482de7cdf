import Endpoints
import Planning
import Testing

/// The configs between one version and the next, as values.
@Suite struct StepConfigTests {
  private func shape(_ config: EndpointConfig?) -> [String]? {
    config?.entities.map { "\($0.name):\($0.traffic)" }.sorted()
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let why: String
    var previous = [entity("1")]
    var target = [entity("2")]
    var live: [ServedEntity]?
    let share: Int
    let shape: [String]?
    var testDescription: String { why }
  }

  @Test(arguments: [
    Case(why: "before any traffic", share: 0, shape: ["m-1:100", "m-2:0"]),
    Case(why: "a share of the traffic", share: 10, shape: ["m-1:90", "m-2:10"]),
    Case(why: "all of the traffic, and the previous version is kept", share: 100, shape: ["m-1:0", "m-2:100"]),
    Case(
      why: "several versions share the rest as before",
      previous: [entity("1", traffic: 75), entity("3", traffic: 25)], share: 20,
      shape: ["m-1:60", "m-2:20", "m-3:20"]),
    Case(
      why: "the rounding rest goes to the largest remainder",
      previous: [entity("1", traffic: 33), entity("3", traffic: 33), entity("4", traffic: 34)], share: 10,
      shape: ["m-1:30", "m-2:10", "m-3:30", "m-4:30"]),
    Case(
      why: "an existing version gets the share from its current one",
      previous: [entity("1", traffic: 90), entity("2", traffic: 10)], share: 50, shape: ["m-1:50", "m-2:50"]),
    Case(why: "only the same version: nothing to share", previous: [entity("2")], share: 10, shape: nil),
    Case(why: "nothing served before", previous: [], share: 10, shape: nil),
    Case(
      why: "several desired versions: they set their shares themselves",
      target: [entity("2", traffic: 50), entity("3", traffic: 50)], share: 10, shape: nil),
    Case(
      why: "a live entity keeps its name", live: [entity("1", name: "main")], share: 10,
      shape: ["m-2:10", "main:90"]),
    Case(
      why: "the new version is renamed if its default name is taken", live: [entity("1", name: "m-2")], share: 10,
      shape: ["m-2-2:10", "m-2:90"]),
    Case(
      why: "and keeps the name it got",
      live: [entity("1", name: "m-2", traffic: 90), entity("2", name: "m-2-2", traffic: 10)],
      share: 50, shape: ["m-2-2:50", "m-2:50"]),
    Case(
      why: "a model that moved to another schema has the same default name", previous: [entity("2", model: "a.m")],
      target: [entity("2", model: "b.m")], share: 10, shape: ["m-2-2:10", "m-2:90"]),
    Case(
      why: "a chosen name is replaced too, until it is free", previous: [entity("1", name: "main")],
      target: [entity("2", name: "main")], share: 10, shape: ["main-2:10", "main:90"]),
  ])
  func `each step has its served entities`(_ row: Case) {
    let config = StepConfig.config(
      from: EndpointConfig(entities: row.previous), to: EndpointConfig(entities: row.target), share: row.share,
      live: row.live.map { EndpointConfig(entities: $0) })
    #expect(shape(config) == row.shape, "\(row.why)")
  }

  @Test func `every step of every split adds up, names are unique, and only shares and names change`() throws {
    let splits: [[Int]] = [
      [100], [0, 100], [50, 50], [1, 99], [33, 33, 34], [10, 20, 30, 40], [0, 0, 100], [25, 75],
    ]
    for split in splits {
      let previous = EndpointConfig(
        entities: split.enumerated().map {
          ServedEntity(
            name: $0.isMultiple(of: 2) ? nil : "same-\($0)", entityName: "m", entityVersion: "\($0)",
            workloadType: "GPU_SMALL", environment: ["A": "\($0)"], traffic: $1)
        })
      for share in 0...100 {
        let config = try #require(
          StepConfig.config(from: previous, to: EndpointConfig(entities: [entity("99")]), share: share))
        #expect(config.entities.map(\.traffic).reduce(0, +) == 100)
        #expect(Set(config.entities.map(\.name)).count == config.entities.count)
        for old in previous.entities {
          #expect(config.entities.contains { $0.serving(old.traffic) == old }, "\(old.name) is restarted")
        }
      }
    }
  }

  @Test func `the previous version gets the new config's settings for a plane, which are the endpoint's`() throws {
    let variable = PlaneArguments.variable
    let old = config("1", environment: ["A": "1", variable: #"{"concurrency":8}"#])
    let new = config("2", environment: [variable: #"{"concurrency":16}"#])
    let step = try #require(StepConfig.config(from: old, to: new, share: 10))
    #expect(step.entities.map { $0.environment[variable] } == [#"{"concurrency":16}"#, #"{"concurrency":16}"#])
    #expect(step.entities.map { $0.environment["A"] } == ["1", nil])
    let without = try #require(StepConfig.config(from: old, to: config("2"), share: 10))
    #expect(without.entities.map { $0.environment[variable] } == [nil, nil])
  }

  @Test func `a step's config matches itself, whatever its names`() throws {
    let step = try #require(
      StepConfig.config(from: v1.config, to: v2.config, share: 10, live: config("1", name: "main")))
    #expect(step.isMet(by: step))
    let again = try #require(StepConfig.config(from: v1.config, to: v2.config, share: 10, live: step))
    #expect(again == step)
  }

  @Test func `a name of 63 letters is shortened without growing`() throws {
    let model = String(repeating: "x", count: 70)
    let step = try #require(
      StepConfig.config(
        from: EndpointConfig(entities: [entity("1", model: "a." + model)]),
        to: EndpointConfig(entities: [entity("1", model: "b." + model)]), share: 10))
    #expect(step.entities.allSatisfy { $0.name.utf8.count <= 63 })
    #expect(Set(step.entities.map(\.name)).count == 2)
  }
}

private func entity(
  _ version: String, name: String? = nil, traffic: Int = 100, model: String = "m"
) -> ServedEntity {
  ServedEntity(name: name, entityName: model, entityVersion: version, traffic: traffic)
}
