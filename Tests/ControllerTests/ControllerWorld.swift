import Controller
import Endpoints
import History
import ModelRegistry
import Planning
import ServingAPI
import Synchronization
import TestKit

/// A workspace, a history and a clock that only waiting moves: everything a reconciler touches.
final class ControllerWorld: Sendable {
  let workspace: WorkspaceDouble
  let history: HistoryStore
  /// 2026-01-01, a Thursday, 00:00 UTC.
  static let beginning = Timestamp(milliseconds: 1_767_225_600_000)
  private let time = Mutex(beginning)

  init(habits: WorkspaceHabits = WorkspaceHabits()) throws {
    workspace = WorkspaceDouble(habits: habits)
    history = try HistoryStore.passing()
  }

  static let model = "main.support.qwen3"

  static func config(_ version: String) -> EndpointConfig {
    EndpointConfig(entities: [ServedEntity(entityName: model, entityVersion: version)])
  }

  static func endpoint(
    _ version: String, name: String = "chat", rollout: RolloutPolicy = RolloutPolicy(), tags: [String: String] = [:],
    deletionPolicy: DeletionPolicy = .delete, suspend: Bool = false
  ) -> DesiredEndpoint {
    DesiredEndpoint(
      name: name, config: config(version), sideSettings: SideSettings(tags: tags), rollout: rollout,
      deletionPolicy: deletionPolicy, suspend: suspend)
  }

  static func fleet(_ endpoints: DesiredEndpoint..., isComplete: Bool = true) -> DesiredFleet {
    DesiredFleet(
      endpoints: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, .present($0)) }), isComplete: isComplete)
  }

  func reconciler(_ options: DecisionOptions = DecisionOptions(fleet: "test")) -> Reconciler {
    let resolver = VersionResolver(workspace.client)
    return Reconciler(
      provider: workspace.provider, history: history, options: options,
      servable: { try await resolver.requireServable(model: $0.entityName, version: $0.entityVersion) },
      now: { self.now })
  }

  var now: Timestamp { time.withLock(\.self) }

  func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }

  /// Plans and carries out, as `apply` does.
  @discardableResult
  func apply(
    _ fleet: DesiredFleet, options: DecisionOptions = DecisionOptions(fleet: "test"),
    limits: WalkLimits = WalkLimits(timeout: .seconds(24 * 3600))
  ) async throws -> [WalkResult] {
    let reconciler = reconciler(options)
    let plan = try await reconciler.plan(fleet)
    return await walk(plan.changes.map(\.endpoint), of: fleet, reconciler, limits)
  }

  func walk(
    _ names: [String], of fleet: DesiredFleet, _ reconciler: Reconciler, _ limits: WalkLimits = WalkLimits()
  ) async -> [WalkResult] {
    await reconciler.walk(names, of: fleet, limits: limits, sleep: { self.advance($0) }, report: { _ in })
  }

  func diff(_ fleet: DesiredFleet, options: DecisionOptions = DecisionOptions(fleet: "test")) async throws -> Plan {
    try await reconciler(options).plan(fleet)
  }

  /// The version that answers requests.
  func liveVersion(_ name: String = "chat") -> String? {
    workspace.endpoint(name)?.active?.config.entities.first?.entityVersion
  }
}

extension WalkResult {
  var holdCode: Reason.Code? { if case .held(let reason) = ending { reason.code } else { nil } }
  var isInSync: Bool { if case .inSync = ending { true } else { false } }
}
