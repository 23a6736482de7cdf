import ControllerKit
import Endpoints

/// The manifests of these tests.
extension DesiredEndpoint {
  /// The endpoint `chat` with its version of the model, and settings of every kind.
  static func chat(
    _ version: String, settings: SideSettings = .everything, rollout: RolloutPolicy = RolloutPolicy()
  ) -> DesiredEndpoint {
    DesiredEndpoint(
      name: "chat", config: EndpointConfig(entities: [.llm(version)]), sideSettings: settings, rollout: rollout)
  }

  static func chat(_ entities: [ServedEntity], settings: SideSettings = SideSettings()) -> DesiredEndpoint {
    DesiredEndpoint(name: "chat", config: EndpointConfig(entities: entities), sideSettings: settings)
  }
}

extension ServedEntity {
  static func llm(
    _ version: String, name: String? = nil, concurrency: ProvisionedConcurrency? = nil,
    environment: [String: String] = ["HF_TOKEN": "{{secrets/llm/hf}}"], traffic: Int = 100
  ) -> ServedEntity {
    ServedEntity(
      name: name, entityName: ControllerEnvironment.model, entityVersion: version, workloadType: "GPU_MEDIUM",
      concurrency: concurrency, environment: environment, traffic: traffic)
  }
}

extension SideSettings {
  static let everything = SideSettings(
    tags: ["team": "nlp", "cost-center": "4411"],
    gateway: GatewaySettings(
      rateLimits: [RateLimit(key: "user", calls: 60), RateLimit(key: "user_group", principal: "support", calls: 600)],
      usageTracking: true, inferenceTable: InferenceTable(catalog: "main", schema: "logs", tableNamePrefix: "chat")),
    notifications: NotificationSettings(onUpdateFailure: ["oncall@example.com", "lead@example.com"]),
    telemetry: TelemetrySettings(logsTable: "main.logs.chat", samplingFraction: 0.5),
    access: AccessSettings(grants: [Grant(.group("support"), .canQuery), Grant(.user("a@example.com"), .canManage)]),
    creation: CreationSettings(description: "a test", budgetPolicy: "budget-1"))
}
