package import Logging

/// What a controller works with, beside provider and history.
package struct ControllerParts: Sendable {
  package let source: any ManifestSource
  /// Looks up what an alias means now.
  package let versionOfAlias: DesiredFleet.AliasLookup
  /// Who may write.
  package let lease: any Lease
  /// Why everything is paused; nil: it is not.
  package let pause: @Sendable () -> String?
  package let notices: any NoticeSink
  package let metrics: ControllerMetrics
  package let log: Logger
  /// Ends runs that take too long: returns after the time, throws `CancellationError` when its task is cancelled first.
  package let alarm: @Sendable (Duration) async throws -> Void
  /// Time since a fixed point, for measuring.
  package let elapsed: @Sendable () -> Duration
  /// A number from 0 up to 1.
  package let chance: @Sendable () -> Double
  /// Tells the runs of this process from those of another, in logs.
  package let instance: String

  package init(
    source: any ManifestSource, versionOfAlias: @escaping DesiredFleet.AliasLookup, lease: any Lease,
    pause: @escaping @Sendable () -> String?, notices: any NoticeSink, metrics: ControllerMetrics, log: Logger,
    alarm: @escaping @Sendable (Duration) async throws -> Void, elapsed: @escaping @Sendable () -> Duration,
    chance: @escaping @Sendable () -> Double, instance: String
  ) {
    self.source = source
    self.versionOfAlias = versionOfAlias
    self.lease = lease
    self.pause = pause
    self.notices = notices
    self.metrics = metrics
    self.log = log
    self.alarm = alarm
    self.elapsed = elapsed
    self.chance = chance
    self.instance = instance
  }
}
