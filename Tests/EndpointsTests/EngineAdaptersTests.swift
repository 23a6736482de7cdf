import Endpoints
import Testing

@Suite struct `LoRA adapters` {
  private static let two = """
    [{"model":"main.support.brief","name":"brief","version":"12"},{"model":"main.support.tone","name":"tone",\
    "version":"3"}]
    """

  @Test func `they travel as canonical JSON in one variable, whatever their order`() throws {
    let set = read(
      manifest(
        """
        engine:
          dtype: float16
          adapters:
            - {name: tone, model: main.support.tone, version: "3"}
            - {name: brief, model: main.support.brief, version: 12}
        servedEntities:
          - {model: m, entityVersion: 7, traffic: 80}
          - {model: m, entityVersion: 8, traffic: 10, engine: {adapters: []}}
          - {model: m, entityVersion: 9, traffic: 10, engine: {adapters: [{name: t2, model: t, version: "1"}]}}
        """))
    #expect(set.findings.isEmpty, "\(set.findings)")
    let entities = try #require(set.manifests.first).desired().config.entities
    let own = #"[{"model":"t","name":"t2","version":"1"}]"#
    #expect(entities.map { $0.environment["SETPOINT_ADAPTERS"] } == [Self.two, nil, own])
    #expect(entities.allSatisfy { $0.environment["SETPOINT_ENGINE_ARGS"] == #"["--dtype","float16"]"# })
  }

  @Test func `a changed adapter changes the digest, and another order does not`() throws {
    func digest(_ adapters: String) throws -> ConfigDigest {
      let text = manifest("model: m\nentityVersion: 7\nengine: {adapters: [\(adapters)]}")
      return try #require(read(text).manifests.first).desired().config.digest
    }
    let (a, b) = ("{name: a, model: x, version: 1}", "{name: b, model: z, version: 1}")
    #expect(try digest("\(a), \(b)") == digest("\(b), \(a)"))
    #expect(
      try Set([digest(a), digest(b), digest("\(a), \(b)"), digest("{name: a, model: x, version: 2}")]).count == 4)
  }

  private static let names = "an adapter's name may contain lowercase letters, digits and \"-\""

  static let faults: [(String, [String])] = [
    (
      "{name: tone}",
      [
        "8:23: error: spec.engine.adapters[0].model: required, but missing; for example model: main.support.tone",
        "8:23: error: spec.engine.adapters[0].version: required, but missing; for example version: \"3\"",
      ]
    ),
    (
      "{model: m, version: 1}",
      ["8:23: error: spec.engine.adapters[0].name: required, but missing; for example name: tone"]
    ),
    ("{name: \"\", model: m, version: 1}", ["8:30: error: spec.engine.adapters[0].name: is empty; for example tone"]),
    (
      "{name: Tone, model: m, version: 1}",
      ["8:30: error: spec.engine.adapters[0].name: \"Tone\" contains \"T\"; \(names)"]
    ),
    (
      "{name: a_b, model: m, version: 1}",
      ["8:30: error: spec.engine.adapters[0].name: \"a_b\" contains \"_\"; \(names)"]
    ),
    (
      "{name: \"a:b\", model: m, version: 1}",
      ["8:30: error: spec.engine.adapters[0].name: \"a:b\" contains \":\"; \(names)"]
    ),
    (
      "{name: -a, model: m, version: 1}",
      ["8:30: error: spec.engine.adapters[0].name: \"-a\" does not start with a letter or a digit"]
    ),
    (
      "{name: a, model: m, version: \"@champion\"}",
      [
        "8:52: error: spec.engine.adapters[0].version: aliases and latest are not supported for adapters; write the "
          + "version number, for example \"3\""
      ]
    ),
    (
      "{name: a, model: m, version: latest}",
      [
        "8:52: error: spec.engine.adapters[0].version: aliases and latest are not supported for adapters; write the "
          + "version number, for example \"3\""
      ]
    ),
    (
      "{name: a, model: m, entityVersion: 1}",
      [
        "8:23: error: spec.engine.adapters[0].version: required, but missing; for example version: \"3\"",
        "8:43: error: spec.engine.adapters[0].entityVersion: unknown field; did you mean \"version\"?",
      ]
    ),
    (
      "{name: a, model: m, version: 1}, {name: a, model: k, version: 1}",
      [
        "8:63: error: spec.engine.adapters[1].name: the name \"a\" is already used by spec.engine.adapters[0]; choose "
          + "another"
      ]
    ),
  ]

  @Test(arguments: faults)
  func `each fault is a finding with its place`(adapters: String, expected: [String]) {
    let text = "model: m\nentityVersion: 7\nengine: {adapters: [\(adapters)]}"
    #expect(findings(manifest(text)) == expected)
  }

  @Test func `a list in the wrong place is a finding with the right one`() {
    #expect(
      findings(manifest("model: m\nentityVersion: 7\nadapters: []")) == [
        "8:3: error: spec.adapters: unknown field here; it belongs at spec.engine.adapters"
      ])
  }

  @Test func `they cannot be combined with a list of modules in the flags`() {
    let text = """
      model: m
      entityVersion: 7
      engine: {adapters: [{name: a, model: m, version: 1}], extraArgs: [--enable-lora, --lora_modules, a=b]}
      """
    #expect(
      findings(manifest(text)) == [
        "8:22: error: spec.engine.adapters: conflicts with --lora-modules in extraArgs; vLLM uses only one list; list "
          + "every adapter here"
      ])
  }

  @Test func `the variable itself is refused with the field to use`() {
    #expect(
      findings(manifest("model: m\nentityVersion: 7\nenvironment: {SETPOINT_ADAPTERS: \"[]\"}")) == [
        "8:17: error: spec.environment.SETPOINT_ADAPTERS: variables starting with \"SETPOINT_\" are reserved for "
          + "Setpoint; write the list under engine.adapters"
      ])
  }

  @Test func `for a workspace, each list is a finding that names it`() throws {
    let spec = """
      engine: {adapters: [{name: a, model: m, version: 1}]}
      servedEntities:
        - {model: m, entityVersion: 7, engine: {adapters: [{name: b, model: m, version: 1}]}}
      """
    let described = try #require(read(manifest(spec)).manifests.first).findingsForWorkspace.map(\.description)
    let words = "workspaces do not support this setting; serving planes do; remove it for endpoints in a workspace"
    #expect(
      described == [
        "f.yaml:6:22: error: spec.engine.adapters: \(words)",
        "f.yaml:8:55: error: spec.servedEntities[0].engine.adapters: \(words)",
      ])
  }

  @Test func `the variable is read back, in whatever order`() throws {
    #expect(try EngineAdapters(parsing: Self.two).text == Self.two)
    let other = try EngineAdapters(
      parsing: """
        [{"name": "tone", "model": "main.support.tone", "version": "3"},
         {"version": "12", "name": "brief", "model": "main.support.brief"}]
        """)
    #expect(other.text == Self.two)
    #expect(EngineAdapters([]).text == nil)
  }

  @Test(arguments: [
    ("", "is "), ("{}", "must be a JSON list"), ("[]", "must be a JSON list"), ("[1]", "[0] must have the texts"),
    (#"[{"name":"a","model":"m"}]"#, "[0] must have the texts name, model and version"),
    (#"[{"name":"a","model":"m","version":"1","x":1}]"#, "and nothing else"),
    (#"[{"name":"a","model":"m","version":1}]"#, "[0] must have the texts"),
    (#"[{"name":"A","model":"m","version":"1"}]"#, "[0].name: "),
    (#"[{"name":"a","model":"../m","version":"1"}]"#, "[0].model: "),
    (#"[{"name":"a","model":"m","version":"07"}]"#, "[0].version: \"07\" is not a version number"),
    (
      #"[{"name":"a","model":"m","version":"1"},{"name":"a","model":"n","version":"1"}]"#, "two adapters named \"a\""
    ),
  ])
  func `any other value is refused with the reason`(text: String, reason: String) {
    let error = #expect(throws: InvalidEngineAdapters.self) { try EngineAdapters(parsing: text) }
    #expect(error?.description.hasPrefix("SETPOINT_ADAPTERS ") == true)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }
}
