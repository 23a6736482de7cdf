import Endpoints
import ServingAPI
import TestKit
import Testing

/// What is sent is read back with the same meaning, whatever form the workspace returns.
@Suite struct `Settings that a workspace keeps` {
  private static let config = EndpointConfig(entities: [ServedEntity(entityName: "a.b.m", entityVersion: "1")])
  private static let gateway = GatewaySettings(
    rateLimits: [
      RateLimit(key: "user_group", principal: "interns", tokens: 20_000), RateLimit(key: "endpoint", calls: 600),
      RateLimit(key: "user", calls: 60, tokens: 5000),
    ], usageTracking: true,
    inferenceTable: InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat"))

  private static let orders: [WorkspaceOrder] = [.asSent, .alphabetical, .descending, .random(seed: 11)]

  private func workspace(_ behaviors: WorkspaceBehaviors) async throws -> WorkspaceDouble {
    let workspace = WorkspaceDouble(behaviors: behaviors)
    _ = try await workspace.provider.create(
      "e", config: Self.config, tags: [:],
      creation: CreationSettings(description: "For support.", budgetPolicy: "b-1", routeOptimized: true),
      gateway: Self.gateway, notifications: NotificationSettings(onUpdateFailure: ["b@example.com", "a@example.com"]))
    _ = try await settled(workspace)
    return workspace
  }

  private func settled(_ workspace: WorkspaceDouble) async throws -> ObservedEndpoint {
    while true {
      guard case .present(let endpoint) = try await workspace.provider.observe("e") else { throw NotFound() }
      if !endpoint.update.isUpdating { return endpoint }
    }
  }

  private struct NotFound: Error {}

  @Test(arguments: orders)
  func `settings in a create are read back as they were sent, in any order`(order: WorkspaceOrder) async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.order = order
    let settings = try #require(try await settled(workspace(behaviors)).settings)
    #expect(settings.gateway?.rateLimits == Self.gateway.rateLimits)
    #expect(settings.gateway?.usageTracking == true)
    #expect(settings.gateway?.inferenceTable == Self.gateway.inferenceTable)
    #expect(settings.notifications == NotificationSettings(onUpdateFailure: ["a@example.com", "b@example.com"]))
    #expect(settings.description == "For support." && settings.routeOptimized)
    #expect(settings.effectiveBudgetPolicy == "b-1")
    #expect(settings.telemetry == nil && settings.access == nil)
  }

  @Test func `settings are replaced, switched off and removed each by its own call`() async throws {
    let workspace = try await workspace(WorkspaceBehaviors())
    let provider = workspace.provider
    var gateway = try #require(try await settled(workspace).settings?.gateway)
    gateway.usageTracking = false
    gateway.inferenceTable = InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat", enabled: false)
    try await provider.putGateway("e", gateway)
    #expect(try await settled(workspace).settings?.gateway == gateway)
    try await provider.putGateway("e", GatewaySettings())
    try await provider.patchNotifications("e", NotificationSettings())
    let rest = try await settled(workspace).settings
    #expect(rest?.gateway == nil && rest?.notifications == nil)
    #expect(try await settled(workspace).active?.version == 1, "no setting creates a config version")
  }

  @Test func `telemetry waits for the update's end, comes back as a profile, and can be removed`() async throws {
    let workspace = try await workspace(WorkspaceBehaviors())
    let provider = workspace.provider
    let tables = TelemetrySettings(logsTable: "main.t.logs", metricsTable: "main.t.metrics", samplingFraction: 0.5)
    _ = try await provider.updateConfig(
      "e", to: EndpointConfig(entities: [ServedEntity(entityName: "a.b.m", entityVersion: "2")]))
    let error = await #expect(throws: ServingError.self) { try await provider.patchTelemetry("e", tables) }
    #expect(error?.kind == .conflict)
    _ = try await settled(workspace)
    try await provider.patchTelemetry("e", tables)
    let telemetry = try #require(try await settled(workspace).settings?.telemetry)
    #expect(telemetry.profileID?.isEmpty == false && telemetry.samplingFraction == 0.5 && telemetry.logsTable == nil)
    workspace.change { $0.echoesLogsTable = true }
    #expect(try await settled(workspace).settings?.telemetry?.logsTable == "main.t.logs")
    try await provider.patchTelemetry("e", TelemetrySettings(profileID: "p-7"))
    #expect(try await settled(workspace).settings?.telemetry?.profileID == "p-7")
    try await provider.patchTelemetry("e", nil)
    #expect(try await settled(workspace).settings?.telemetry == nil)
  }

  @Test(arguments: orders)
  func `grants are added to the others, or replace them`(order: WorkspaceOrder) async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.order = order
    let workspace = try await workspace(behaviors)
    let provider = workspace.provider
    let id = try await settled(workspace).id
    let deployer = Principal.user("deployer@example.com")
    let start = try await provider.access(id: id)
    #expect(start.caller == deployer)
    #expect(start.grants == [Grant(deployer, .canManage)], "inherited grants of administrators are not ours")
    try await provider.patchAccess(
      id: id, [Grant(.group("support"), .canQuery), Grant(.user("lead@example.com"), .canView)])
    try await provider.patchAccess(id: id, [Grant(.user("lead@example.com"), .canManage)])
    #expect(
      try await provider.access(id: id).grants == [
        Grant(deployer, .canManage), Grant(.user("lead@example.com"), .canManage), Grant(.group("support"), .canQuery),
      ])
    try await provider.putAccess(id: id, [Grant(deployer, .canManage), Grant(.servicePrincipal("5b1e"), .canView)])
    #expect(
      try await provider.access(id: id).grants == [
        Grant(deployer, .canManage), Grant(.servicePrincipal("5b1e"), .canView),
      ])
  }

  @Test(arguments: [true, false])
  func `concurrency is read back, whatever size is shown with it`(isNamed: Bool) async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.namesSizeBesideConcurrency = isNamed
    let workspace = WorkspaceDouble(behaviors: behaviors)
    let wanted = EndpointConfig(entities: [
      ServedEntity(entityName: "a.b.m", entityVersion: "1", concurrency: ProvisionedConcurrency(min: 4, max: 8))
    ])
    _ = try await workspace.provider.create("e", config: wanted, tags: [:])
    let live = try #require(try await settled(workspace).active)
    #expect(live.config == wanted)
    #expect(live.unrepresented.isEmpty)
    _ = try await workspace.provider.updateConfig("e", to: live.config)
    #expect(try await settled(workspace).active?.config == wanted, "what was read can be sent back (Q6)")
  }

  @Test func `an endpoint with only blank settings has none`() async throws {
    var behaviors = WorkspaceBehaviors()
    behaviors.writesNullForEmpty = true
    let workspace = WorkspaceDouble(behaviors: behaviors)
    _ = try await workspace.provider.create("e", config: Self.config, tags: [:])
    #expect(try await settled(workspace).settings == nil)
    workspace.change { $0.writesNullForEmpty = false }
    #expect(try await settled(workspace).settings == nil)
  }
}
