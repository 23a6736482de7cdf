import Endpoints
import Testing

@Suite struct `Several served entities` {
  /// The items of `servedEntities`, which begin in line 7, and the expected findings.
  private static let lists: [(items: [String], findings: [String])] = [
    (["{model: m, entityVersion: 1}"], []),
    (["{model: m, entityVersion: 1, traffic: 100}"], []),
    (["{model: m, entityVersion: 1, traffic: 0}", "{model: m, entityVersion: 2, traffic: 100}"], []),
    (
      ["{model: m, entityVersion: 1, traffic: 90}"],
      ["7:3: error: spec.servedEntities: the entities' traffic adds up to 90, not 100"]
    ),
    (
      ["{model: m, entityVersion: 1, traffic: 90}", "{model: m, entityVersion: 2, traffic: 20}"],
      ["7:3: error: spec.servedEntities: the entities' traffic adds up to 110, not 100"]
    ),
    (
      ["{model: m, entityVersion: 1, traffic: 90}", "{model: m, entityVersion: 2}"],
      [
        "8:5: error: spec.servedEntities[1].traffic: required with two or more entities, but missing; for example "
          + "traffic: 50"
      ]
    ),
    (
      ["{model: m, entityVersion: 1, traffic: 101}", "{model: m, entityVersion: 2, traffic: 0.5}"],
      [
        "7:43: error: spec.servedEntities[0].traffic: expected an integer from 0 to 100, found 101",
        "8:43: error: spec.servedEntities[1].traffic: expected an integer from 0 to 100, found 0.5",
      ]
    ),
    (
      ["{model: m, entityVersion: 1, traffic: 50}", "{model: m, entityVersion: \"1\", traffic: 50}"],
      [
        "8:31: error: spec.servedEntities[1].entityVersion: version \"1\" of model \"m\" is already served by "
          + "spec.servedEntities[0]; keep one of them, with the sum of both shares"
      ]
    ),
    (
      ["{name: x, model: m, entityVersion: 1, traffic: 50}", "{name: x, model: m, entityVersion: 2, traffic: 50}"],
      [
        "8:12: error: spec.servedEntities[1].name: the name \"x\" is already used by spec.servedEntities[0]; choose "
          + "another"
      ]
    ),
    (
      ["{model: a.b.m, entityVersion: 1, traffic: 50}", "{model: c.d.m, entityVersion: 1, traffic: 50}"],
      [
        "8:5: error: spec.servedEntities[1].name: the name \"m-1\" is already used by spec.servedEntities[0]; give "
          + "each entity its own name"
      ]
    ),
    (
      ["{entityVersion: 1}"],
      ["7:5: error: spec.servedEntities[0].model: required, but missing; for example model: main.support.qwen3"]
    ),
    (["m"], ["7:5: error: spec.servedEntities[0]: expected a mapping, found the text \"m\""]),
    (
      ["{model: m, entityVersion: 1, workloadType: GPU_SMALL, engine: {dtype: bfloat16}}"],
      ["7:75: error: spec.servedEntities[0].engine.dtype: a T4 does not support bfloat16; use float16, or an A10"]
    ),
  ]

  @Test(arguments: lists)
  func `entities split the traffic and have distinct names and versions`(items: [String], expected: [String]) {
    let text = manifest("servedEntities:\n" + items.map { "- " + $0 }.joined(separator: "\n"))
    #expect(findings(text) == expected)
  }

  @Test func `an endpoint has at most a hundred entities, and a rule lowers the limit for providers`() {
    func text(_ count: Int) -> String {
      manifest(
        "servedEntities:\n"
          + (1...count).map { "- {model: m, entityVersion: \($0), traffic: \($0 == 1 ? 100 : 0)}" }.joined(
            separator: "\n"))
    }
    #expect(findings(text(100)).isEmpty)
    #expect(findings(text(101)) == ["7:3: error: spec.servedEntities: has 101 items; at most 100 are allowed"])
    let (most, more) = (read(text(15)).manifests.first, read(text(16)).manifests.first)
    #expect(most?.limitFindings().isEmpty == true)
    #expect(more?.limitFindings().map(\.path) == ["spec.servedEntities"])
  }

  @Test func `an endpoint has at least one entity`() {
    #expect(
      findings(manifest("servedEntities: []")) == [
        "6:19: error: spec.servedEntities: is empty; list at least one entity, or use the flat fields"
      ])
  }

  @Test func `entities share the spec's engine, and one that does not fit is reported once`() {
    let text = manifest(
      """
      engine: {dtype: bfloat16}
      servedEntities:
      - {model: m, entityVersion: 1, workloadType: T4, traffic: 50}
      - {model: m, entityVersion: 2, workloadType: T4, traffic: 50}
      """)
    #expect(
      findings(text) == ["6:19: error: spec.engine.dtype: a T4 does not support bfloat16; use float16, or an A10"])
  }
}
