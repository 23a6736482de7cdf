import Endpoints
import Testing

@Suite struct `Findings about a manifest's settings` {
  private static let head = "model: a.b.m\nentityVersion: \"7\"\n"

  /// Added to a valid spec from line 8 on, and the expected findings.
  private static let additions: [(spec: String, findings: [String])] = [
    // Concurrency
    (
      "size: Small\nconcurrency: {min: 4, max: 8}",
      ["9:16: error: spec.concurrency: conflicts with size; keep one of them"]
    ),
    (
      "concurrency: {min: 16, max: 8}",
      ["8:16: error: spec.concurrency: min is 16 and max is 8; min must not exceed max"]
    ),
    (
      "concurrency: {min: 0, max: 8}",
      [
        "8:22: error: spec.concurrency.min: 0 requires scaleToZero: true; write scaleToZero: true, or min: 4"
      ]
    ),
    ("scaleToZero: true\nconcurrency: {min: 0, max: 8}", []),
    (
      "concurrency: {max_provisioned_concurrency: 8}",
      [
        "8:16: error: spec.concurrency.min: required, but missing; for example min: 4",
        "8:16: error: spec.concurrency.max: required, but missing; for example max: 8",
        "8:17: error: spec.concurrency.max_provisioned_concurrency: unknown field; did you mean \"max\"?",
      ]
    ),
    // Gateway
    (
      "gateway: {rateLimits: [{key: user}]}",
      ["8:26: error: spec.gateway.rateLimits[0]: sets neither calls nor tokens; for example calls: 60"]
    ),
    (
      "gateway: {rateLimits: [{key: user_group, calls: 1}, {key: endpoint, principal: x, tokens: 1}]}",
      [
        "8:26: error: spec.gateway.rateLimits[0].principal: required for the key user_group, but missing; set it to "
          + "the group's name",
        "8:82: error: spec.gateway.rateLimits[1].principal: does not apply to the key endpoint; remove it",
      ]
    ),
    (
      "gateway:\n  rateLimits:\n    - {key: user, calls: 1}\n    - {key: user, tokens: 2}",
      [
        "11:9: error: spec.gateway.rateLimits[1]: the key user already has a limit at spec.gateway.rateLimits[0]; "
          + "keep one of them"
      ]
    ),
    (
      "gateway: {rateLimits: [{key: service_principal, principal: ci, calls: 1, renewalPeriod: hour}]}",
      [
        "8:91: error: spec.gateway.rateLimits[0].renewalPeriod: expected \"minute\", found the text \"hour\""
      ]
    ),
    (
      "gateway: {usage_tracking_config: {enabled: true}, inferenceTable: {catalog: a.b, enabled: no}}",
      [
        "8:13: error: spec.gateway.usage_tracking_config: unknown field; did you mean \"usageTracking\"?",
        "8:69: error: spec.gateway.inferenceTable.schema: required, but missing; for example schema: logs",
        "8:79: error: spec.gateway.inferenceTable.catalog: \"a.b\" contains \".\", which is not allowed in such a name",
        "8:93: error: spec.gateway.inferenceTable.enabled: no is not clearly a boolean: YAML 1.1 readers read it as "
          + "false, YAML 1.2 readers as text; write false",
      ]
    ),
    // Access
    ("access: CanQuery", ["8:11: error: spec.access: expected a list or a mapping, found the text \"CanQuery\""]),
    (
      "access: [{group: support, level: CAN_QUERY}]",
      [
        "8:36: error: spec.access[0].level: expected one of CanView, CanQuery, CanManage, found the text "
          + "\"CAN_QUERY\"; did you mean \"CanQuery\"?"
      ]
    ),
    (
      "access: [{level: CanQuery}, {user: a@b.org, group: g, level: CanView}]",
      [
        "8:12: error: spec.access[0]: names no principal; a grant needs exactly one; write user, group or "
          + "servicePrincipal",
        "8:31: error: spec.access[1]: names user and group; a grant needs exactly one principal; write one grant "
          + "for each",
      ]
    ),
    (
      "access:\n  mode: exakt\n  grants:\n    - {group: g, level: CanView}\n    - {group: g, level: CanQuery}",
      [
        "9:11: error: spec.access.mode: expected one of additive, exact, found the text \"exakt\"; did you mean "
          + "\"exact\"?",
        "12:9: error: spec.access.grants[1]: group g already has a grant at spec.access.grants[0]; "
          + "keep the stronger one: it includes the other",
      ]
    ),
    (
      "access: {mode: exact}",
      [
        "8:11: error: spec.access.grants: required, but missing; for example grants: [{group: support, level: "
          + "CanQuery}]"
      ]
    ),
    (
      "access: [{user: ci, level: CanView}, {servicePrincipal: CI, level: CanQuery}]",
      [
        "8:40: error: spec.access[1]: service principal ci already has a grant at spec.access[0]; "
          + "keep the stronger one: it includes the other"
      ]
    ),
    // Notifications
    (
      "notifications: {on_update_failure: [], onUpdateSuccess: [a@b, \"a b@c.org\", a@b@c.org, a@.org, a@b.org]}",
      [
        "8:19: error: spec.notifications.on_update_failure: unknown field; did you mean \"onUpdateFailure\"?",
        "8:60: error: spec.notifications.onUpdateSuccess[0]: \"a@b\" is not an email address; for example "
          + "oncall@example.com",
        "8:65: error: spec.notifications.onUpdateSuccess[1]: \"a b@c.org\" is not an email address; "
          + "for example oncall@example.com",
        "8:78: error: spec.notifications.onUpdateSuccess[2]: \"a@b@c.org\" is not an email address; "
          + "for example oncall@example.com",
        "8:89: error: spec.notifications.onUpdateSuccess[3]: \"a@.org\" is not an email address; for example "
          + "oncall@example.com",
      ]
    ),
    // Telemetry
    (
      "telemetry: {samplingFraction: 0.5}",
      [
        "8:14: error: spec.telemetry: names neither a table nor a profile, so it has no effect; "
          + "for example logsTable: main.telemetry.chat_logs"
      ]
    ),
    (
      "telemetry: {logsTable: a.b.c, profileId: p}",
      [
        "8:44: error: spec.telemetry.profileId: conflicts with the tables; telemetry uses one or the other; "
          + "keep the tables or the profile"
      ]
    ),
    (
      "telemetry: {logsTable: logs, metricsTable: a..c, tracesTable: a.b.ü, samplingFraction: 1.5}",
      [
        "8:26: error: spec.telemetry.logsTable: \"logs\" is not a Unity Catalog table; write catalog.schema.table",
        "8:46: error: spec.telemetry.metricsTable: \"a..c\" is not a Unity Catalog table; write catalog.schema.table",
        "8:65: error: spec.telemetry.tracesTable: \"a.b.ü\" contains \"ü\", which is not allowed in a telemetry table "
          + "name",
        "8:90: error: spec.telemetry.samplingFraction: expected a number from 0 to 1, found 1.5",
      ]
    ),
    // Rollout
    (
      "rollout: {steps: [{traffic: 10}, {traffic: 10, for: 5}, {traffic: 100}, {for: 5m}]}",
      [
        "8:46: error: spec.rollout.steps[1].traffic: 10 must be more than the previous step's 10; "
          + "each step must have more traffic than the previous one; 100% follows automatically",
        "8:55: error: spec.rollout.steps[1].for: expected a duration such as 90s, 60m or 1h30m, found 5; add a "
          + "unit: 5s or 5m",
        "8:69: error: spec.rollout.steps[2].traffic: expected an integer from 0 to 99, found 100",
        "8:75: error: spec.rollout.steps[3].traffic: required, but missing; for example traffic: 10",
      ]
    ),
    (
      "rollout: {steps: [5, 50], keepPrevious: yes}",
      [
        "8:21: error: spec.rollout.steps[0]: expected a mapping, found 5",
        "8:24: error: spec.rollout.steps[1]: expected a mapping, found 50",
        "8:43: error: spec.rollout.keepPrevious: yes is not clearly a boolean: YAML 1.1 readers read it as true, "
          + "YAML 1.2 readers as text; write true",
      ]
    ),
    (
      "budgetPolicy: a b",
      ["8:17: error: spec.budgetPolicy: \"a b\" contains \" \", which is not allowed in such a name"]
    ),
    ("route_optimized: true", ["8:3: error: spec.route_optimized: unknown field; did you mean \"routeOptimized\"?"]),
  ]

  @Test(arguments: additions)
  func `an invalid setting is reported with location, path and remedy`(spec: String, expected: [String]) {
    #expect(findings(manifest(Self.head + spec)) == expected)
  }

  @Test func `a rollout in steps cannot be combined with several entities`() {
    let text = manifest(
      """
      servedEntities:
        - {model: m, entityVersion: 1, traffic: 50}
        - {model: m, entityVersion: 2, traffic: 50, size: Small, concurrency: {min: 4, max: 4}}
      concurrency: {min: 4, max: 4}
      rollout: {steps: [{traffic: 10}], keepPrevious: true}
      """)
    #expect(
      findings(text) == [
        "8:75: error: spec.servedEntities[1].concurrency: conflicts with size; keep one of them",
        "9:16: error: spec.concurrency: conflicts with servedEntities; set it in each entity",
        "10:20: error: spec.rollout.steps: conflicts with servedEntities, which split the traffic themselves; "
          + "remove it, or use the flat fields",
        "10:51: error: spec.rollout.keepPrevious: conflicts with servedEntities, which split the traffic themselves; "
          + "remove it, or use the flat fields",
      ])
  }

  @Test func `a principal that is neither an email address nor an application ID is valid only on a plane`() throws {
    let text = manifest(
      Self.head + """
        access:
          - {user: oncall, level: CanView}
          - {servicePrincipal: deployer, level: CanView}
          - {user: a@b.org, level: CanView}
        gateway:
          rateLimits:
            - {key: user, principal: interns, calls: 1}
            - {key: service_principal, principal: ci, calls: 1}
            - {key: user, principal: a@b.org, calls: 1}
        """)
    #expect(findings(text).isEmpty, "the provider may be a plane")
    let chat = try #require(read(text).manifests.first)
    #expect(chat.dependsOnProvider)
    #expect(!chat.findingsForPlane.contains { $0.path.hasPrefix("spec.access") })
    let uuid = "is not an application ID; use the service principal's UUID, not its display name"
    let address = "is not an email address; for example oncall@example.com"
    let expected = [
      ("error", "spec.gateway.rateLimits[0].principal: \"interns\" \(address)"),
      ("warning", "spec.gateway.rateLimits[1].principal: \"ci\" \(uuid)"),
      ("error", "spec.access[0].user: \"oncall\" \(address)"),
      ("warning", "spec.access[1].servicePrincipal: \"deployer\" \(uuid)"),
    ]
    let inWorkspace = chat.findingsForWorkspace.map(\.description)
    #expect(inWorkspace.count == expected.count, "\(inWorkspace)")
    for (finding, (severity, words)) in zip(inWorkspace, expected) {
      #expect(finding.hasSuffix(": \(severity): \(words)"))
    }
    let unknown = chat.findingsForUnknownProvider
    #expect(unknown.map(\.severity) == [.warning, .warning, .warning, .warning])
    #expect(
      unknown.first?.description.hasSuffix("\(address); only a plane accepts other names: its tokens' names") == true)
  }

  @Test func `settings that a plane does not support are reported before anything is sent`() throws {
    let text = manifest(
      Self.head + """
        access: []
        budgetPolicy: b
        routeOptimized: true
        gateway: {usageTracking: false, rateLimits: [{key: user, calls: 1}]}
        notifications: {onUpdateFailure: [a@example.com]}
        telemetry: {logsTable: a.b.c}
        description: Known to planes too.
        concurrency: {min: 4, max: 4}
        """)
    let findings = try #require(read(text).manifests.first).findingsForPlane
    #expect(findings.map(\.path) == ["spec.budgetPolicy", "spec.routeOptimized"])
    #expect(
      findings.first?.description
        == "f.yaml:9:17: error: spec.budgetPolicy: serving planes do not support this setting; Databricks workspaces do; "
        + "remove it for endpoints on a plane")
    let plain = try #require(read(manifest(Self.head + "routeOptimized: false")).manifests.first)
    #expect(plain.findingsForPlane.isEmpty, "a plane's endpoint is always like that")
  }

  @Test func `webhooks among the addresses are for planes`() throws {
    let accepted = "notifications: {onUpdateSuccess: [a@example.com, \"https://hooks.example.com/x\"]}"
    let chat = try #require(read(manifest(Self.head + accepted)).manifests.first)
    #expect(chat.findingsForPlane.isEmpty)
    #expect(chat.findingsForWorkspace.map(\.path) == ["spec.notifications.onUpdateSuccess[1]"])
    let invalid = "notifications: {onUpdateSuccess: [\"ftp://secret.example.com\"]}"
    let refused = findings(manifest(Self.head + invalid))
    #expect(refused.count == 1 && refused.joined().contains("is not an http or https URL"), "\(refused)")
    #expect(!refused.joined().contains("secret"))
  }
}

@Suite struct `A manifest's settings` {
  private func settings(_ spec: String) throws -> SideSettings {
    let set = read(manifest("model: a.b.m\nentityVersion: \"7\"\n" + spec))
    #expect(set.findings.isEmpty, "\(set.findings)")
    return try #require(set.manifests.first).desired().sideSettings
  }

  @Test func `every setting is read`() throws {
    let read = try settings(
      """
      tags: {team: nlp}
      description: For support.
      budgetPolicy: b-1
      routeOptimized: false
      gateway:
        rateLimits:
          - {key: user_group, principal: interns, tokens: 20000}
          - {key: endpoint, calls: 0}
        usageTracking: false
        inferenceTable: {catalog: main, schema: logs, tableNamePrefix: chat, enabled: false}
      access:
        mode: exact
        grants:
          - {servicePrincipal: 5b1e7c1e-6f0e-4d54-9d1b-0a3c6a1f2b3c, level: CanView}
          - {user: lead@example.com, level: CanManage}
      notifications: {onUpdateFailure: [b@example.com, a@example.com, b@example.com]}
      telemetry: {logsTable: a.b.c, tracesTable: a.b.d, samplingFraction: 0}
      """)
    #expect(
      read
        == SideSettings(
          tags: ["team": "nlp"],
          gateway: GatewaySettings(
            rateLimits: [
              RateLimit(key: "endpoint", calls: 0), RateLimit(key: "user_group", principal: "interns", tokens: 20000),
            ], usageTracking: false,
            inferenceTable: InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat", enabled: false)),
          notifications: NotificationSettings(onUpdateFailure: ["a@example.com", "b@example.com"]),
          telemetry: TelemetrySettings(logsTable: "a.b.c", tracesTable: "a.b.d", samplingFraction: 0),
          access: AccessSettings(
            mode: .exact,
            grants: [
              Grant(.user("lead@example.com"), .canManage),
              Grant(.servicePrincipal("5b1e7c1e-6f0e-4d54-9d1b-0a3c6a1f2b3c"), .canView),
            ]), creation: CreationSettings(description: "For support.", budgetPolicy: "b-1", routeOptimized: false)))
  }

  @Test func `omitted settings are not managed`() throws {
    let silent = try settings("gateway:\naccess: ~\nnotifications:\ntelemetry:\ndescription: \"\"")
    #expect(silent == SideSettings())
    #expect(try settings("gateway: {}") == SideSettings(), "no field in it")
    #expect(try settings("gateway: {rateLimits: []}").gateway == GatewaySettings(rateLimits: []), "no limits, managed")
    #expect(try settings("notifications: {}").notifications == NotificationSettings(), "no notifications")
  }

  @Test func `settings may consist of grants alone`() throws {
    let bare = try settings("access: [{group: support, level: CanQuery}]")
    #expect(bare == (try settings("access: {grants: [{group: support, level: CanQuery}]}")))
    #expect(bare.access == AccessSettings(mode: .additive, grants: [Grant(.group("support"), .canQuery)]))
  }

  @Test func `a user's name is not case-sensitive, and a group's name is`() throws {
    let id = "5B1E7C1E-6F0E-4D54-9D1B-0A3C6A1F2B3C"
    let read = try settings(
      "access: [{user: Lead@Example.com, level: CanView}, {group: Support, level: CanView}, "
        + "{servicePrincipal: \(id), level: CanView}]")
    #expect(
      read.access?.grants.map(\.principal) == [
        .user("lead@example.com"), .group("Support"), .servicePrincipal(id.lowercased()),
      ])
    #expect(
      findings(
        manifest(
          "model: m\nentityVersion: 7\naccess: [{user: A@b.org, level: CanView}, {user: a@B.org, level: CanQuery}]"))
        == [
          "8:45: error: spec.access[1]: user a@b.org already has a grant at spec.access[0]; keep the stronger one: it "
            + "includes the other"
        ])
  }

  @Test func `the order of limits and grants does not matter`() throws {
    let limits = ["{key: user, calls: 5}", "{key: endpoint, tokens: 9}", "{key: user_group, principal: g, calls: 1}"]
    let grants = ["{user: a@b.org, level: CanView}", "{group: a, level: CanManage}", "{group: b, level: CanQuery}"]
    func text(_ limits: [String], _ grants: [String]) -> String {
      "gateway: {rateLimits: [\(limits.joined(separator: ", "))]}\naccess: [\(grants.joined(separator: ", "))]"
    }
    let first = try settings(text(limits, grants))
    var random = Random(seed: 4)
    for _ in 0..<20 {
      #expect(try settings(text(limits.shuffled(using: &random), grants.shuffled(using: &random))) == first)
    }
  }

  @Test func `every telemetry setting changes the digest`() {
    let base = TelemetrySettings(logsTable: "a.b.c")
    let others = [
      TelemetrySettings(metricsTable: "a.b.c"), TelemetrySettings(tracesTable: "a.b.c"),
      TelemetrySettings(profileID: "a.b.c"), TelemetrySettings(logsTable: "a.b.c", samplingFraction: 0),
      TelemetrySettings(logsTable: "a.b.c", samplingFraction: 1),
    ]
    #expect(Set(([base] + others).map(\.digest)).count == others.count + 1)
    #expect(base.digest == TelemetrySettings(logsTable: "a.b.c").digest)
  }

  @Test func `the rollout settings say how a new version gets its traffic`() throws {
    let text = manifest(
      """
      model: m
      entityVersion: 7
      concurrency: {min: 4, max: 16}
      rollout: {steps: [{traffic: 0}, {traffic: 10, for: 10m}], keepPrevious: true}
      """)
    let endpoint = try #require(read(text).manifests.first).desired()
    #expect(
      endpoint.rollout
        == RolloutPolicy(
          steps: [RolloutStep(traffic: 0), RolloutStep(traffic: 10, hold: .seconds(600))], keepPrevious: true))
    #expect(endpoint.config.entities.first?.concurrency == ProvisionedConcurrency(min: 4, max: 16))
    #expect(endpoint.config.entities.first?.workloadSize == nil)
  }

  @Test func `entities in any order have the same digest`() throws {
    let entities = (1...6).map {
      "- {model: a.b.m\($0 % 2), entityVersion: \($0), traffic: \($0 == 1 ? 50 : 10), concurrency: {min: 4, max: "
        + "\($0 * 4)}}"
    }
    var random = Random(seed: 7)
    let digests = try (0..<20).map { _ in
      let spec = "servedEntities:\n" + entities.shuffled(using: &random).joined(separator: "\n")
      return try #require(read(manifest(spec)).manifests.first).desired().config.digest
    }
    #expect(Set(digests).count == 1)
  }
}
