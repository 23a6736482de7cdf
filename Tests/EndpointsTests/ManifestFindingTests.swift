import Endpoints
import Testing

@Suite struct `Findings about a manifest` {
  /// Added to a valid spec from line 8 on, and the expected findings.
  private static let additions: [(spec: String, findings: [String])] = [
    ("scaleToZer: true", ["8:3: error: spec.scaleToZer: unknown field; did you mean \"scaleToZero\"?"]),
    ("workload_size: Small", ["8:3: error: spec.workload_size: unknown field; did you mean \"size\"?"]),
    ("env: {A: b}", ["8:3: error: spec.env: unknown field; did you mean \"environment\"?"]),
    ("labels: {a: b}", ["8:3: error: spec.labels: unknown field here; it belongs at metadata.labels"]),
    ("deadline: 5m", ["8:3: error: spec.deadline: unknown field here; it belongs at spec.rollout.deadline"]),
    ("traffic: 100", ["8:3: error: spec.traffic: unknown field here; it belongs at spec.servedEntities[].traffic"]),
    (
      "rollout: {colour: red}",
      [
        "8:13: error: spec.rollout.colour: unknown field; known fields: deadline, onFailure, verify, steps, keepPrevious"
      ]
    ),
    // Words
    ("workloadType: t4", ["8:17: error: spec.workloadType: \"t4\" is not a known workload type; did you mean \"T4\"?"]),
    (
      "workloadType: A10G",
      ["8:17: error: spec.workloadType: \"A10G\" is not a known workload type; did you mean \"A10\"?"]
    ),
    (
      "workloadType: GPU_MEDUIM",
      ["8:17: error: spec.workloadType: \"GPU_MEDUIM\" is not a known workload type; did you mean \"GPU_MEDIUM\"?"]
    ),
    ("size: small", ["8:9: error: spec.size: \"small\" is not a known size; did you mean \"Small\"?"]),
    (
      "size: Gigantic",
      [
        "8:9: warning: spec.size: \"Gigantic\" is not a known size; it is sent unchanged; known values: Small, "
          + "Medium, Large"
      ]
    ),
    (
      "deletionPolicy: Retian",
      [
        "8:19: error: spec.deletionPolicy: expected one of Delete, Retain, found the text \"Retian\"; did you mean "
          + "\"Retain\"?"
      ]
    ),
    (
      "rollout: {onFailure: Explode}",
      ["8:24: error: spec.rollout.onFailure: expected one of Rollback, Hold, found the text \"Explode\""]
    ),
    // Scalars
    (
      "scaleToZero: yes",
      [
        "8:16: error: spec.scaleToZero: yes is not clearly a boolean: YAML 1.1 readers read it as true, YAML 1.2 "
          + "readers as text; write true"
      ]
    ),
    (
      "scaleToZero: \"true\"",
      ["8:16: error: spec.scaleToZero: expected true or false, found the text \"true\"; remove the quotes"]
    ),
    ("suspend: 1", ["8:12: error: spec.suspend: expected true or false, found 1"]),
    ("suspend:", ["8:11: error: spec.suspend: expected true or false, found nothing"]),
    ("size: 7", ["8:9: error: spec.size: 7 is a number, not text; write \"7\" in quotes"]),
    (
      "size: no",
      [
        "8:9: error: spec.size: no is not clearly text: YAML 1.1 readers read it as false, YAML 1.2 readers as text; "
          + "write \"no\" in quotes"
      ]
    ),
    ("size: [Small]", ["8:9: error: spec.size: expected text, found a list"]),
    ("size: !mine Small", ["8:9: error: spec.size: the tag !mine is not supported here; remove it"]),
    ("tags: [a]", ["8:9: error: spec.tags: expected a mapping of text values, found a list"]),
    ("rollout: 60m", ["8:12: error: spec.rollout: expected a mapping, found the text \"60m\""]),
    (
      "rollout: {deadline: 60}",
      [
        "8:23: error: spec.rollout.deadline: expected a duration such as 90s, 60m or 1h30m, found 60; add a "
          + "unit: 60s or 60m"
      ]
    ),
    (
      "rollout: {deadline: 30m1h}",
      ["8:23: error: spec.rollout.deadline: expected a duration such as 90s, 60m or 1h30m, found the text \"30m1h\""]
    ),
    (
      "rollout: {deadline: 0s}",
      ["8:23: error: spec.rollout.deadline: expected a duration from 1s to 1000h, found the text \"0s\""]
    ),
    (
      "rollout: {deadline: 1001h}",
      ["8:23: error: spec.rollout.deadline: expected a duration from 1s to 1000h, found the text \"1001h\""]
    ),
    ("rollout: {deadline: 1000h}", []),
    // Engine
    (
      "engine: {gpuMemoryUtilization: 1.5}",
      ["8:34: error: spec.engine.gpuMemoryUtilization: expected a number above 0 and at most 1, found 1.5"]
    ),
    (
      "engine: {gpuMemoryUtilization: 0}",
      ["8:34: error: spec.engine.gpuMemoryUtilization: expected a number above 0 and at most 1, found 0"]
    ),
    (
      "engine: {maxModelLen: 16_384}",
      [
        "8:25: error: spec.engine.maxModelLen: expected an integer of at least 1; 16_384 is ambiguous: YAML 1.1 "
          + "readers read it as a number, YAML 1.2 readers as text"
      ]
    ),
    (
      "engine: {maxModelLen: \"16384\"}",
      [
        "8:25: error: spec.engine.maxModelLen: expected an integer of at least 1, found the text \"16384\"; remove "
          + "the quotes"
      ]
    ),
    (
      "engine: {dtype: float12}",
      [
        "8:19: error: spec.engine.dtype: expected one of auto, half, float16, bfloat16, float, float32, found the text "
          + "\"float12\"; did you mean \"float16\"?"
      ]
    ),
    (
      "workloadType: T4\nengine: {dtype: bfloat16}",
      ["9:19: error: spec.engine.dtype: a T4 does not support bfloat16; use float16, or an A10"]
    ),
    (
      "engine: {extraArgs: [--port, \"8000\"]}",
      [
        "8:24: error: spec.engine.extraArgs[0]: --port is set by the plane, which must be able to reach the replica; "
          + "remove it"
      ]
    ),
    (
      "engine: {extraArgs: [--model=x, --served-model-name, m]}",
      [
        "8:24: error: spec.engine.extraArgs[0]: --model is not allowed: model and entityVersion say what is served; "
          + "remove it",
        "8:35: error: spec.engine.extraArgs[1]: --served-model-name is not allowed: requests use the endpoint's name "
          + "as model; remove it",
      ]
    ),
    (
      "engine: {extraArgs: [--dtype=half]}",
      ["8:24: error: spec.engine.extraArgs[0]: --dtype has its own field; write engine.dtype"]
    ),
    (
      "engine: {extraArgs: [\"--seed 1\"]}",
      ["8:24: error: spec.engine.extraArgs[0]: --seed and its value are in one item; write two items"]
    ),
    // Environment and tags
    (
      "environment: {SETPOINT_ENGINE_ARGS: \"[]\"}",
      [
        "8:17: error: spec.environment.SETPOINT_ENGINE_ARGS: variables starting with \"SETPOINT_\" are "
          + "reserved for Setpoint; write the flags under engine"
      ]
    ),
    (
      "environment: {A-B: x}",
      [
        "8:17: error: spec.environment.A-B: \"A-B\" is not a valid variable name; use letters, digits and \"_\", "
          + "not starting with a digit"
      ]
    ),
    (
      "environment: {NO: x}",
      [
        "8:17: error: spec.environment.NO: NO is not clearly text: YAML 1.1 readers read it as false, YAML 1.2 "
          + "readers as text; write \"NO\" in quotes"
      ]
    ),
    (
      "tags: {setpoint-fleet: x}",
      [
        "8:10: error: spec.tags.setpoint-fleet: tags starting with \"setpoint-\" are reserved for Setpoint; "
          + "choose another key"
      ]
    ),
    (
      "tags: {app.kubernetes.io/name: x}",
      [
        "8:10: error: spec.tags.\"app.kubernetes.io/name\": \"app.kubernetes.io/name\" contains \".\"; a workspace "
          + "refuses tag keys with . , = / and :; for example \"app-kubernetes-io-name\""
      ]
    ),
    (
      "tags: {\"a,b\": x, a=b: y, \"a:b\": z}",
      [
        "8:10: error: spec.tags.\"a,b\": \"a,b\" contains \",\"; a workspace refuses tag keys with . , = / "
          + "and :; for example \"a-b\"",
        "8:20: error: spec.tags.\"a=b\": \"a=b\" contains \"=\"; a workspace refuses tag keys with . , = / "
          + "and :; for example \"a-b\"",
        "8:28: error: spec.tags.\"a:b\": \"a:b\" contains \":\"; a workspace refuses tag keys with . , = / "
          + "and :; for example \"a-b\"",
      ]
    ),
    (
      "tags: {\"..a\": x, .setpoint-x: y}",
      [
        "8:10: error: spec.tags.\"..a\": \"..a\" contains \".\"; a workspace refuses tag keys with . , = / and :; "
          + "choose another key",
        "8:20: error: spec.tags.\".setpoint-x\": \".setpoint-x\" contains \".\"; a workspace refuses tag keys with . , "
          + "= / and :; choose another key",
      ]
    ),
    (
      "tags: {\" team\": x, note: \"a\\nb\"}",
      [
        "8:10: error: spec.tags.\" team\": \" team\" starts or ends with whitespace, which a workspace refuses; "
          + "remove it",
        "8:28: error: spec.tags.note: \"a\\nb\" contains a line break, a tab or another control character; remove it",
      ]
    ),
    (
      "tags: {cost-center: 4411}",
      ["8:23: error: spec.tags.cost-center: 4411 is a number, not text; write \"4411\" in quotes"]
    ),
    // Verification
    (
      "rollout: {verify: [{expect: {status: 99}}]}",
      [
        "8:22: error: spec.rollout.verify[0].chat: required, but missing; for example chat: \"Say hello.\"",
        "8:40: error: spec.rollout.verify[0].expect.status: expected an integer from 100 to 599, found 99",
      ]
    ),
    (
      "servedEntities: [{model: m, entityVersion: 1}]",
      [
        "6:10: error: spec.model: conflicts with servedEntities; set it in each entity",
        "7:18: error: spec.entityVersion: conflicts with servedEntities; set it in each entity",
      ]
    ),
  ]

  @Test(arguments: additions)
  func `an invalid field is reported with location, path and remedy`(spec: String, expected: [String]) {
    #expect(findings(manifest("model: a.b.m\nentityVersion: \"7\"\n" + spec)) == expected)
  }

  /// A version as written in line 7, and the expected finding.
  private static let versions: [(version: String, finding: String)] = [
    ("7.0", "7.0 is a number with a fraction or an exponent; a version is text or an integer; write \"7\""),
    ("1e3", "1e3 is a number with a fraction or an exponent; a version is text or an integer; write \"1000\""),
    (
      "07",
      "07 is ambiguous: with its leading zero it is octal to YAML 1.1 readers and decimal to YAML 1.2 readers; write "
        + "\"7\""
    ),
    (
      "no",
      "no is ambiguous: YAML 1.1 readers read it as false, YAML 1.2 readers as text; a version is text or an integer, "
        + "such as \"7\""
    ),
    ("true", "true is a boolean; a version is text or an integer"),
    ("", "has no value; write a version such as \"7\", an alias such as \"@champion\", or latest"),
    ("0", "0 is not a version; versions start at 1"),
    ("-3", "-3 is not a version; versions start at 1"),
    ("+7", "+7 is not a plain version number; write \"7\""),
    ("0x7", "0x7 is not a plain version number; write \"7\""),
    ("\"07\"", "\"07\" is not a valid version number; write \"7\""),
    ("v7", "\"v7\" is not a version number; write \"7\""),
    ("champion", "\"champion\" is not a version number; write an alias as \"@champion\""),
    (
      "\"@latest\"",
      "\"@latest\" cannot be an alias: registries reserve this name; write latest, without the @, for the newest "
        + "version"
    ),
    ("Latest", "\"Latest\" is not a version number; write latest"),
    ("\"@a b\"", "\"@a b\" is not a valid alias; use letters, digits, \"-\" and \"_\""),
    ("[7]", "expected a version, found a list"),
    ("\"1.2\"", "\"1.2\" is neither a version number nor an alias; for example \"7\", \"@champion\" or latest"),
  ]

  @Test(arguments: versions)
  func `a version is a string or an integer and is never guessed`(version: String, expected: String) {
    let found = findings(manifest("model: m\nentityVersion: \(version)")).map { $0.drop { $0 != " " } }
    #expect(found == [" error: spec.entityVersion: \(expected)"])
  }

  private static let models: [(model: String, finding: String)] = [
    ("a.b", "\"a.b\" has 2 parts; a model is catalog.schema.name, or a bare name without dots"),
    ("a..c", "\"a..c\" has an empty part between dots"),
    ("a.b.c d", "\"a.b.c d\" contains \" \", which is not allowed in a registered model's name"),
    (
      "a.b.c@champion",
      "\"a.b.c@champion\" contains both model and version; write model: a.b.c and entityVersion: \"@champion\""
    ),
    ("models:/m/7", "\"models:/m/7\" contains both model and version; write model: m and entityVersion: \"7\""),
    ("", "has no value; set a value, or remove the line"),
    ("\"\"", "is empty; for example main.support.qwen3"),
  ]

  @Test(arguments: models)
  func `a model name that a registry cannot hold is a finding`(model: String, expected: String) {
    #expect(findings(manifest("model: \(model)\nentityVersion: 7")).count == 1)
    #expect(findings(manifest("model: \(model)\nentityVersion: 7")).first?.hasSuffix("spec.model: " + expected) == true)
  }

  private static let names: [(name: String, finding: String)] = [
    (
      "support.chat",
      "\"support.chat\" contains \".\"; a name may contain letters, digits, \"-\" and \"_\"; for example "
        + "\"support-chat\""
    ),
    ("chät", "\"chät\" contains \"ä\"; a name may contain letters, digits, \"-\" and \"_\""),
    ("a b", "\"a b\" contains \" \"; a name may contain letters, digits, \"-\" and \"_\"; for example \"a-b\""),
    ("s!!!!", "\"s!!!!\" contains \"!\"; a name may contain letters, digits, \"-\" and \"_\""),
    (
      ".chat. .v2!",
      "\".chat. .v2!\" contains \".\"; a name may contain letters, digits, \"-\" and \"_\"; for example \"chat-v2\""
    ),
    ("databricks chat", "\"databricks chat\" contains \" \"; a name may contain letters, digits, \"-\" and \"_\""),
    ("-x", "\"-x\" does not start with a letter or a digit"),
    (
      "databricks-chat",
      "names starting with \"databricks-\" are reserved for Databricks' own endpoints; choose another"
    ),
    (String(repeating: "n", count: 254), "has 254 characters; at most 253 are allowed"),
    ("7", "7 is a number, not text; write \"7\" in quotes"),
  ]

  @Test(arguments: names)
  func `an endpoint name that the provider does not accept is a finding`(name: String, expected: String) {
    #expect(
      findings(manifest(name: name, "model: m\nentityVersion: 7")) == ["4:9: error: metadata.name: " + expected])
    #expect(read(manifest(name: String(repeating: "n", count: 253), "model: m\nentityVersion: 7")).isComplete)
  }
}
