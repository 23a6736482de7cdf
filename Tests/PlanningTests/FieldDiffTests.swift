import CanonicalJSON
import Endpoints
import Planning
import Testing

@Suite struct FieldDiffTests {
  private func lines(_ old: EndpointConfig?, _ new: EndpointConfig) -> [String] {
    FieldDiff.changes(from: old, to: new).map { "\($0.path): \($0.from ?? "-") -> \($0.to ?? "-") (\($0.effect))" }
  }

  @Test func `a single entity is shown in the five flat fields`() {
    #expect(lines(config("7"), config("8")) == ["spec.entityVersion: 7 -> 8 (rolling)"])
    #expect(
      lines(config("7"), config("7", model: "main.b.c", type: "GPU_MEDIUM", size: "Large")) == [
        "spec.model: main.support.qwen3 -> main.b.c (rolling)",
        "spec.workloadType: CPU -> A10 (GPU_MEDIUM) (rolling)", "spec.size: Small -> Large (rolling)",
      ])
  }

  @Test func `a new endpoint shows every field`() {
    #expect(
      lines(nil, config("7")) == [
        "spec.model: - -> main.support.qwen3 (rolling)", "spec.entityVersion: - -> 7 (rolling)",
        "spec.workloadType: - -> CPU (rolling)", "spec.size: - -> Small (rolling)",
        "spec.scaleToZero: - -> false (rolling)",
      ])
  }

  @Test func `environment values are shown unless their name or form suggests a credential`() {
    let old = config(
      "7",
      environment: [
        "A_TOKEN": "s3cret", "B": "same", "HF": "{{secrets/llm/hf}}", "OLD_KEY": "s3cret", "LEVEL": "INFO", "OF": "old",
      ])
    let new = config(
      "7",
      environment: [
        "A_TOKEN": "s3cret2", "B": "same", "HF": "{{secrets/llm/hf2}}", "DBPASSWORD": "s3cret", "LEVEL": "DEBUG",
        "OF": "hf_abcDEFs3cret123456",
        "SETPOINT_ENGINE_ARGS": "--dtype float16",
      ])
    let shown = lines(old, new)
    #expect(
      shown == [
        "spec.environment.A_TOKEN: (hidden) -> (hidden, changed) (rolling)",
        "spec.environment.DBPASSWORD: - -> (hidden) (rolling)",
        "spec.environment.HF: {{secrets/llm/hf}} -> {{secrets/llm/hf2}} (rolling)",
        "spec.environment.LEVEL: INFO -> DEBUG (rolling)",
        "spec.environment.OF: old -> (hidden, changed) (rolling)",
        "spec.environment.OLD_KEY: (hidden) -> - (rolling)", "spec.engine: - -> --dtype float16 (rolling)",
      ])
    #expect(!shown.joined().contains("s3cret"))
  }

  @Test(arguments: ["hunter2hunter2", "hunter", "8192"])
  func `a value that becomes a secret, or was one, is hidden whatever it looks like`(value: String) {
    let plain = config("7", environment: ["HF": value])
    let secret = config("7", environment: ["HF": "{{secrets/llm/hf}}"])
    #expect(lines(plain, secret) == ["spec.environment.HF: (hidden) -> {{secrets/llm/hf}} (rolling)"])
    #expect(lines(secret, plain) == ["spec.environment.HF: {{secrets/llm/hf}} -> (hidden, changed) (rolling)"])
  }

  @Test func `only numbers, words and paths are shown`() {
    let old = config("7", environment: ["LIMIT": "8192", "HOME": "/models/cache", "OTHER": "hunter2"])
    let new = config("7", environment: ["LIMIT": "4096", "HOME": "/cache", "OTHER": "http://me.example.com/hunter2"])
    #expect(
      lines(old, new) == [
        "spec.environment.HOME: /models/cache -> /cache (rolling)", "spec.environment.LIMIT: 8192 -> 4096 (rolling)",
        "spec.environment.OTHER: (hidden) -> (hidden, changed) (rolling)",
      ])
  }

  @Test func `a hidden value is null in JSON, and marked as redacted where it exists`() {
    let desired = config("7", environment: ["TOKEN": "new", "LEVEL": "DEBUG", "NEW_KEY": "a"])
    let active = config("7", environment: ["TOKEN": "old", "LEVEL": "INFO", "OLD_KEY": "b"])
    let item = PlanItem(
      name: "chat", desired: .present(endpoint(Rollout(desired))),
      observed: .present(live(Rollout(active), tags: [FleetTags.fleet: "f"])))
    let plan = Plan.make(
      target: "t", items: [item], now: now, options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true))
    let json = plan.json.text()
    #expect(
      json.contains(
        #"{"effect":"rolling","from":"INFO","path":"spec.environment.LEVEL","to":"DEBUG"}"#), "\(json)")
    for (variable, marks) in [
      ("TOKEN", ["fromRedacted", "redacted", "toRedacted"]), ("NEW_KEY", ["redacted", "toRedacted"]),
      ("OLD_KEY", ["fromRedacted", "redacted"]),
    ] {
      let fields = plan.json["changes"]?.arrayValue?.first?["fields"]?.arrayValue ?? []
      let field = fields.first { $0["path"]?.stringValue == "spec.environment.\(variable)" }
      #expect(field?["from"]?.isNull == true && field?["to"]?.isNull == true, "\(json)")
      for mark in ["fromRedacted", "redacted", "toRedacted"] {
        #expect((field?[mark] != nil) == marks.contains(mark), "\(mark) of \(variable) in \(json)")
      }
    }
  }

  @Test(
    arguments: [
      (nil, #"{"concurrency":8}"#, ["spec.plane.concurrency: - -> 8 (inPlace)"]),
      (#"{"concurrency":8}"#, nil, ["spec.plane.concurrency: 8 -> - (inPlace)"]),
      (
        #"{"affinity":"none","idleAfter":"15m","queue":{"length":8}}"#,
        #"{"affinity":"prefix","idleAfter":"15m","queue":{"length":9,"wait":"1m"}}"#,
        [
          "spec.plane.queue.length: 8 -> 9 (inPlace)", "spec.plane.queue.wait: - -> 1m (inPlace)",
          "spec.plane.affinity: none -> prefix (inPlace)",
        ]
      ),
      (
        #"{"idleAfter":"60m"}"#, #"{"idleAfter":"1h"}"#,
        [#"spec.plane: {"idleAfter":"60m"} -> {"idleAfter":"1h"} (inPlace)"#]
      ),
      ("s3cret", #"{"idleAfter":"1h"}"#, [#"spec.plane: (hidden) -> {"idleAfter":"1h"} (inPlace)"#]),
    ] as [(String?, String?, [String])])
  func `settings for a plane are shown as the manifest names them, and change in place`(
    old: String?, new: String?, shown: [String]
  ) {
    func live(_ settings: String?) -> EndpointConfig {
      config("7", environment: settings.map { ["SETPOINT_PLANE": $0] } ?? [:])
    }
    #expect(lines(live(old), live(new)) == shown)
  }

  @Test(
    arguments: [
      (
        nil, #"[{"model":"a.s.t","name":"tone","version":"3"}]"#,
        ["spec.engine.adapters[name=tone]: - -> a.s.t version 3 (rolling)"]
      ),
      (
        #"[{"model":"a.s.b","name":"brief","version":"1"},{"model":"a.s.t","name":"tone","version":"3"}]"#,
        #"[{"model":"a.s.n","name":"new","version":"1"},{"model":"a.s.t","name":"tone","version":"4"}]"#,
        [
          "spec.engine.adapters[name=brief]: a.s.b version 1 -> - (rolling)",
          "spec.engine.adapters[name=new]: - -> a.s.n version 1 (rolling)",
          "spec.engine.adapters[name=tone]: a.s.t version 3 -> a.s.t version 4 (rolling)",
        ]
      ),
      (
        #"[{"name":"tone","model":"a.s.t","version":"3"}]"#, #"[{"model":"a.s.t","name":"tone","version":"3"}]"#,
        [
          #"spec.engine.adapters: [{"name":"tone","model":"a.s.t","version":"3"}] -> "#
            + #"[{"model":"a.s.t","name":"tone","version":"3"}] (rolling)"#
        ]
      ),
      (
        "s3cret", #"[{"model":"a.s.t","name":"tone","version":"3"}]"#,
        [#"spec.engine.adapters: (hidden) -> [{"model":"a.s.t","name":"tone","version":"3"}] (rolling)"#]
      ),
    ] as [(String?, String, [String])])
  func `each changed adapter is shown with its model and version, and starts new replicas`(
    old: String?, new: String, shown: [String]
  ) {
    let live = config("7", environment: old.map { ["SETPOINT_ADAPTERS": $0] } ?? [:])
    #expect(lines(live, config("7", environment: ["SETPOINT_ADAPTERS": new])) == shown)
  }

  @Test func `settings for a plane are shown once for all entities`() {
    func split(_ settings: String, _ versions: String...) -> EndpointConfig {
      EndpointConfig(
        entities: versions.map {
          ServedEntity(
            entityName: "a.b.m", entityVersion: $0, environment: ["SETPOINT_PLANE": settings],
            traffic: 100 / versions.count)
        })
    }
    let (few, many) = (#"{"concurrency":8}"#, #"{"concurrency":16}"#)
    #expect(lines(split(few, "7", "8"), split(many, "7", "8")) == ["spec.plane.concurrency: 8 -> 16 (inPlace)"])
    let joined = FieldDiff.changes(from: split(few, "7"), to: split(few, "7", "8"))
    #expect(!joined.contains { $0.path.hasPrefix("spec.plane") }, "the endpoint already has them")
  }

  private func entity(_ name: String?, _ version: String, _ traffic: Int) -> ServedEntity {
    ServedEntity(name: name, entityName: "a.b.m", entityVersion: version, traffic: traffic)
  }

  @Test func `several entities are matched by name, and moving traffic restarts nothing`() {
    let old = EndpointConfig(entities: [entity("stable", "7", 90), entity("next", "8", 10)])
    let new = EndpointConfig(entities: [entity("next", "8", 50), entity("stable", "7", 50)])
    #expect(
      lines(old, new) == [
        "spec.servedEntities[name=stable].traffic: 90 -> 50 (inPlace)",
        "spec.servedEntities[name=next].traffic: 10 -> 50 (inPlace)",
      ])
  }

  @Test func `added and removed entities are shown`() {
    let old = EndpointConfig(entities: [entity("stable", "7", 100)])
    let new = EndpointConfig(entities: [entity("stable", "7", 90), entity("next", "8", 10)])
    #expect(
      lines(old, new) == [
        "spec.servedEntities[name=stable].traffic: 100 -> 90 (inPlace)",
        "spec.servedEntities[name=next]: - -> a.b.m version 8 on CPU, Small, 10% of the traffic (rolling)",
      ])
    #expect(
      lines(new, old) == [
        "spec.servedEntities[name=stable].traffic: 90 -> 100 (inPlace)",
        "spec.servedEntities[name=next]: a.b.m version 8 on CPU, Small, 10% of the traffic -> - (inPlace)",
      ])
  }

  @Test func `a new entity beside others shows its environment and its engine's flags`() {
    let old = EndpointConfig(entities: [entity("stable", "7", 100)])
    let next = ServedEntity(
      name: "next", entityName: "a.b.m", entityVersion: "8", scaleToZero: true,
      environment: ["HF": "{{secrets/llm/hf}}", "SETPOINT_ENGINE_ARGS": "[\"--dtype\",\"half\"]"], traffic: 0)
    #expect(
      lines(old, EndpointConfig(entities: [entity("stable", "7", 100), next])) == [
        "spec.servedEntities[name=next]: - -> a.b.m version 8 on CPU, Small, 0% of the traffic, scales to zero (rolling)",
        "spec.servedEntities[name=next].environment.HF: - -> {{secrets/llm/hf}} (rolling)",
        "spec.servedEntities[name=next].engine: - -> [\"--dtype\",\"half\"] (rolling)",
      ])
  }

  @Test func `the tags of an endpoint to be created are listed`() {
    let item = PlanItem(
      name: "chat", desired: .present(endpoint(v1, tags: ["team": "y", "cost-center": "4411"])), observed: .absent)
    let plan = Plan.make(
      target: "t", items: [item], now: now, options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true))
    let tags = plan.changes.first?.fields.filter { $0.path.hasPrefix("spec.tags") } ?? []
    #expect(tags.map { "\($0.path): \($0.to ?? "-")" } == ["spec.tags.cost-center: 4411", "spec.tags.team: y"])
  }

  /// Every pair from a set of configs that differ in one field or another.
  static let configs: [EndpointConfig] = [
    config("7"), config("8"), config("7", name: "main"), config("7", type: "GPU_SMALL"), config("7", size: "Large"),
    config("7", environment: ["A": "1"]), config("7", environment: ["A": "2"]), config("7", model: "x.y.z"),
    config("7", environment: ["SETPOINT_PLANE": #"{"concurrency":8}"#]),
    config("7", environment: ["SETPOINT_PLANE": #"{"idleAfter":"60m"}"#]),
    config("7", environment: ["SETPOINT_PLANE": #"{"idleAfter":"1h"}"#]),
    config("7", environment: ["SETPOINT_ADAPTERS": #"[{"model":"m","name":"a","version":"1"}]"#]),
    config("7", environment: ["SETPOINT_ADAPTERS": #"[{"model":"m","name":"a","version":"2"}]"#]),
    EndpointConfig(entities: [
      ServedEntity(name: "a", entityName: "m", entityVersion: "1", traffic: 90),
      ServedEntity(entityName: "m", entityVersion: "2", traffic: 10),
    ]),
    EndpointConfig(entities: [
      ServedEntity(name: "b", entityName: "m", entityVersion: "2", traffic: 10),
      ServedEntity(name: "a", entityName: "m", entityVersion: "1", traffic: 90),
    ]),
    EndpointConfig(entities: [
      ServedEntity(name: "a", entityName: "m", entityVersion: "2", traffic: 90),
      ServedEntity(name: "b", entityName: "m", entityVersion: "1", traffic: 10),
    ]),
    EndpointConfig(entities: []),
  ]

  @Test(arguments: configs, configs)
  func `the diff is empty exactly when the live config equals the desired one`(
    old: EndpointConfig, new: EndpointConfig
  ) {
    #expect(FieldDiff.changes(from: old, to: new).isEmpty == new.isMet(by: old))
  }

  @Test func `ignored settings are listed with the reason`() {
    let observed = live(
      Rollout(config("1", name: "main")), update: .failed, tags: [FleetTags.fleet: "f", "theirs": "x", "team": "y"])
    let item = PlanItem(
      name: "chat", desired: .present(endpoint(v1, tags: ["team": "y"])), observed: .present(observed))
    let plan = Plan.make(
      target: "t", items: [item], now: now,
      options: PlanOptions(DecisionOptions(fleet: "f"), isSourceWhole: true, explain: true))
    #expect(
      plan.changes.first?.ignored.map(\.path) == [
        "spec.servedEntities[name=main].name", "tags.setpoint-fleet", "tags.theirs", "state.config_update",
      ])
  }
}
