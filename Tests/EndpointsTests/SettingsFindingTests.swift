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
