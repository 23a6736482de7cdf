import Endpoints
import Testing

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
