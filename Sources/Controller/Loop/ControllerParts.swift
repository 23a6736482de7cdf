package import Endpoints
package import Logging
package import Planning

/// The dependencies of a controller, besides provider and history.
package struct ControllerParts: Sendable {
  package let source: any ManifestSource
  /// Resolves an alias to its current version.
  package let versionOfAlias: DesiredFleet.AliasLookup
  /// Checks an endpoint before a new config is sent for it; nil: no checks. A query that fails is a finding too.
  package let preflight: PreflightCheck?
  /// Where the processes of the state directory share the write budget; nil: it is this process's own.
  package let budgetFile: BudgetFile?
  /// The right to write.
  package let lease: any Lease
  /// Returns the pause; nil: the controller is not paused.
  package let pause: @Sendable () -> Pause?
  package let notifications: any NotificationSink
  package let metrics: ControllerMetrics
  package let log: Logger
  /// Limits reconciliations and preflight checks: returns after the time, throws `CancellationError` if its task is
  /// canceled first.
  package let alarm: @Sendable (Duration) async throws -> Void
  /// The time since a fixed point, for measuring.
  package let elapsed: @Sendable () -> Duration
  /// A number from 0 up to, but not including, 1.
  package let chance: @Sendable () -> Double
  /// Distinguishes this process's reconciliations from another's in logs.
  package let instance: String

  /// Returns the findings on a decision's config.
  package typealias PreflightCheck = @Sendable (PlanItem, Decision) async throws -> [PreflightFinding]

  package init(
    source: any ManifestSource, versionOfAlias: @escaping DesiredFleet.AliasLookup, preflight: PreflightCheck? = nil,
    budgetFile: BudgetFile? = nil, lease: any Lease, pause: @escaping @Sendable () -> Pause?,
    notifications: any NotificationSink, metrics: ControllerMetrics, log: Logger,
    alarm: @escaping @Sendable (Duration) async throws -> Void, elapsed: @escaping @Sendable () -> Duration,
    chance: @escaping @Sendable () -> Double, instance: String
  ) {
    self.source = source
    self.versionOfAlias = versionOfAlias
    self.preflight = preflight
    self.budgetFile = budgetFile
    self.lease = lease
    self.pause = pause
    self.notifications = notifications
    self.metrics = metrics
    self.log = log
    self.alarm = alarm
    self.elapsed = elapsed
    self.chance = chance
    self.instance = instance
  }
}
