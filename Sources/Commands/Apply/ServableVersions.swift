internal import Controller
internal import Endpoints
internal import Synchronization

/// Asks a registry whether versions can be served, and caches positive results for a while: a plan, its
/// preflight and the rollout each need them.
final class ServableVersions: Sendable {
  private struct Version: Hashable {
    let model: String
    let version: String
  }

  private let ask: Reconciler.ServableCheck
  private let elapsed: @Sendable () -> Duration
  /// When each was last found to be servable.
  private let found = Mutex<[Version: Duration]>([:])
  private static let lifetime: Duration = .seconds(60)

  init(elapsed: @escaping @Sendable () -> Duration, ask: @escaping Reconciler.ServableCheck) {
    self.ask = ask
    self.elapsed = elapsed
  }

  /// Throws as a ``Reconciler/ServableCheck`` does.
  func require(_ entity: ServedEntity) async throws {
    let version = Version(model: entity.entityName, version: entity.entityVersion)
    let now = elapsed()
    if let at = found.withLock({ $0[version] }), now - at < Self.lifetime { return }
    try await ask(entity)
    found.withLock { found in
      found = found.filter { now - $0.value < Self.lifetime }
      found[version] = now
    }
  }
}
