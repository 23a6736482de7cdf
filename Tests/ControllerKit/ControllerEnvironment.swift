package import Controller
package import Endpoints
package import History
internal import ModelRegistry
package import Planning
package import ServingAPI
internal import Synchronization
package import TestKit

/// A workspace, a history and a clock that only waiting advances: everything that a reconciler uses.
package final class ControllerEnvironment: Sendable {
  package let workspace: WorkspaceDouble
  private let store: Mutex<HistoryStore>
  /// 2026-01-01, a Thursday, 00:00 UTC.
  package static let beginning = Timestamp(milliseconds: 1_767_225_600_000)
  private let time: Mutex<Timestamp>

  package init(behaviors: WorkspaceBehaviors = WorkspaceBehaviors()) throws {
    workspace = WorkspaceDouble(behaviors: behaviors)
    store = Mutex(try HistoryStore.passing())
    time = Mutex(Self.beginning)
  }

  package init(_ workspace: WorkspaceDouble, _ history: HistoryStore, now: Timestamp = beginning) {
    self.workspace = workspace
    store = Mutex(history)
    time = Mutex(now)
  }

  package var history: HistoryStore { store.withLock(\.self) }

  /// What a new process opens instead of what the previous one had open.
  package func reopen(_ history: HistoryStore) { store.withLock { $0 = history } }

  package static let model = "main.support.qwen3"

  package static func config(_ version: String) -> EndpointConfig {
    EndpointConfig(entities: [ServedEntity(entityName: model, entityVersion: version)])
  }

  package static func endpoint(
    _ version: String, name: String = "chat", rollout: RolloutPolicy = RolloutPolicy(), tags: [String: String] = [:],
    deletionPolicy: DeletionPolicy = .delete, suspend: Bool = false
  ) -> DesiredEndpoint {
    DesiredEndpoint(
      name: name, config: config(version), sideSettings: SideSettings(tags: tags), rollout: rollout,
      deletionPolicy: deletionPolicy, suspend: suspend)
  }

  package static func fleet(_ endpoints: DesiredEndpoint..., isComplete: Bool = true) -> DesiredFleet {
    DesiredFleet(
      endpoints: Dictionary(uniqueKeysWithValues: endpoints.map { ($0.name, .present($0)) }), isComplete: isComplete)
  }

  package func reconciler(_ options: DecisionOptions = DecisionOptions(fleet: "test")) -> Reconciler {
    let resolver = VersionResolver(workspace.client)
    return Reconciler(
      provider: workspace.provider, history: history, options: options,
      servable: { try await resolver.requireServable(model: $0.entityName, version: $0.entityVersion) },
      now: { self.now })
  }

  /// How versions of the model behave: 1 and 2 work, 3 cannot be loaded, 4 answers nonsense, 5 is refused.
  package static func setVersions(_ workspace: WorkspaceDouble, champion: Int64 = 1) {
    workspace.setModel(
      model, versions: Dictionary(uniqueKeysWithValues: (1...5).map { ($0, .ready) }), aliases: ["champion": champion])
    workspace.setBehavior(.fails(message: "unsupported dtype"), model: model, version: "3")
    workspace.setAnswer("mumble", model: model, version: "4")
    workspace.setBehavior(.refused(message: "no such GPU"), model: model, version: "5")
  }

  /// The same through a client such as `setpoint run` has, with this environment's clock.
  package func controllerReconciler(_ options: DecisionOptions = DecisionOptions(fleet: "test")) -> Reconciler {
    let client = controllerClient
    let resolver = VersionResolver(client)
    return Reconciler(
      provider: APIProvider(client), history: history, options: options,
      servable: { try await resolver.requireServable(model: $0.entityName, version: $0.entityVersion) },
      now: { self.now })
  }

  package var controllerClient: ServingClient {
    // With a clock that stands still between two readings, a call would be retried at once, forever.
    let readings = Mutex(Int64(0))
    return workspace.controllerClient(
      timing: Timing(
        elapsed: {
          self.now - Self.beginning
            + .nanoseconds(
              readings.withLock { count in
                count += 1
                return count
              })
        },
        secondsSince1970: { self.now.milliseconds / 1000 },
        sleep: { _ in throw CancellationError() }, jitter: { 0 }))
  }

  package var now: Timestamp { time.withLock(\.self) }

  package func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }

  /// Plans and executes, as `apply` does.
  @discardableResult
  package func apply(
    _ fleet: DesiredFleet, options: DecisionOptions = DecisionOptions(fleet: "test"),
    limits: ConvergenceLimits = ConvergenceLimits(timeout: .seconds(24 * 3600))
  ) async throws -> [ConvergenceResult] {
    let reconciler = reconciler(options)
    let plan = try await reconciler.plan(fleet)
    return await converge(plan.changes.map(\.endpoint), of: fleet, reconciler, limits)
  }

  package func converge(
    _ names: [String], of fleet: DesiredFleet, _ reconciler: Reconciler,
    _ limits: ConvergenceLimits = ConvergenceLimits()
  ) async -> [ConvergenceResult] {
    await reconciler.converge(names, of: fleet, limits: limits, sleep: { self.advance($0) }, report: { _ in })
  }

  package func diff(_ fleet: DesiredFleet, options: DecisionOptions = DecisionOptions(fleet: "test")) async throws
    -> Plan
  {
    try await reconciler(options).plan(fleet)
  }

  /// The version that answers queries.
  package func liveVersion(_ name: String = "chat") -> String? {
    workspace.endpoint(name)?.active?.config.entities.first?.entityVersion
  }
}

extension ConvergenceResult {
  package var holdCode: Reason.Code? { if case .held(let reason) = ending { reason.code } else { nil } }
  package var isInSync: Bool { if case .inSync = ending { true } else { false } }
}
