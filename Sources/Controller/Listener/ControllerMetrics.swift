package import HTTPSupport
package import Planning
package import PrometheusMetrics
internal import Synchronization

/// The controller's metrics, under the standard names: controller-runtime's and client-go's for loop, queue and lease,
/// Prometheus's own for the process, and `setpoint_…` for the rest.
///
/// Every method is cheap and never waits: it changes a number under a lock. ``text(now:)`` writes the metrics in the
/// Prometheus text format, followed by those that libraries report through swift-metrics.
///
/// The number of series is bounded: label values come from closed sets, except `endpoint`, which has one value per
/// endpoint of the fleet (four series each, a fifth if the phase is known); an endpoint's series are removed with it.
/// Nothing that a request or a server sends becomes a label. Series start at zero, so that the rate of their first
/// increase can be computed; only those of calls start with the first call.
package final class ControllerMetrics: Sendable {
  /// The result of reconciling an endpoint.
  package enum Result: Hashable, Sendable, CaseIterable {
    /// Nothing to do before the next check.
    case success
    /// To be repeated immediately.
    case requeue
    /// To be checked again after some time.
    case requeueAfter
    /// Failed; retried with increasing delays.
    case error
    /// Failed; retried only when something changes.
    case terminalError
    /// Exceeded the deadline; retried with increasing delays.
    case timeout

    /// controller-runtime counts every kind of failure as an error, and some of them additionally in their own metric.
    var label: String {
      switch self {
      case .success: "success"
      case .requeue: "requeue"
      case .requeueAfter: "requeue_after"
      case .error, .terminalError, .timeout: "error"
      }
    }
  }

  /// The result of delivering a notification.
  package enum Delivery: String, Hashable, Sendable, CaseIterable {
    /// The receiver accepted it.
    case delivered
    /// The retries were used up, or the receiver refused it.
    case failed
    /// It made room for a newer one, or the controller stopped.
    case dropped
  }

  let facts: Facts
  let process: @Sendable () -> ProcessMetrics?
  let libraries: MetricRegistry
  private let state: Mutex<State>

  /// - Parameters:
  ///   - fleet: the fleet's name, which is also the lease's name.
  ///   - started: when the process started.
  ///   - concurrency: the maximum number of endpoints that are reconciled concurrently.
  ///   - libraries: the metrics that libraries report.
  package init(
    version: String, fleet: String, started: Timestamp, concurrency: Int,
    process: @escaping @Sendable () -> ProcessMetrics? = ProcessMetrics.current,
    libraries: MetricRegistry = MetricRegistry()
  ) {
    facts = Facts(version: version, fleet: fleet, started: started, concurrency: concurrency)
    self.process = process
    self.libraries = libraries
    state = Mutex(State())
  }

  /// Values that do not change during the life of the process.
  struct Facts: Sendable {
    let version: String
    let fleet: String
    let started: Timestamp
    let concurrency: Int
  }

  struct State: Sendable {
    var results: [Result: Int] = [:]
    var runTime = Histogram(Self.runBounds)
    var queueTime = Histogram(Self.runBounds)
    /// Nil until the queue was reported for the first time.
    var queue: KeyQueue.Metrics?
    var isLeader = false
    var endpoints: [String: EndpointMetrics] = [:]
    var timeToReady = Histogram(Self.readyBounds)
    var calls: [Call: Int] = [:]
    var wholeSyncs = 0
    var partialSyncs = 0
    var lastWholeSync: Timestamp?
    var manifests = 0
    var deliveries: [Delivery: Int] = [:]

    /// A reconciliation is either a few calls of a fast API or a verification that takes minutes.
    private static let runBounds = [
      0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]
    /// A small model is ready in seconds, a large one in an hour or two.
    private static let readyBounds = [5.0, 15, 30, 60, 120, 300, 600, 900, 1800, 2700, 3600, 5400, 7200]
  }

  struct EndpointMetrics: Sendable {
    var isReady = false
    var isQuarantined = false
    var driftSince: Timestamp?
    var rollbacks = 0
    var phase: String?
    var reason: String?
  }

  struct Call: Hashable, Sendable {
    let call: String
    let result: String
  }

  var snapshot: State { state.withLock { $0 } }
}

// MARK: - Events

extension ControllerMetrics {
  /// Records that a worker took a key that had been ready for this long.
  package func taken(waited: Duration) { state.withLock { $0.queueTime.observe(waited) } }

  /// Records the end of a reconciliation.
  package func reconciled(_ result: Result, seconds: Duration) {
    state.withLock {
      $0.results[result, default: 0] += 1
      $0.runTime.observe(seconds)
    }
  }

  /// Records the current state of the queue; call it right before the metrics are read.
  package func queue(_ metrics: KeyQueue.Metrics) { state.withLock { $0.queue = metrics } }

  /// Records whether this controller holds its fleet's lease.
  package func leads(_ isLeader: Bool) { state.withLock { $0.isLeader = isLeader } }

  /// Records the state of an endpoint.
  ///
  /// - Parameters:
  ///   - driftSince: since when the live config has differed from the applied desired config; nil: it does not differ.
  ///   - phase: its phase and the reason's code, from their closed sets; nil: neither is known.
  package func endpoint(
    _ name: String, ready: Bool, quarantined: Bool, driftSince: Timestamp?, phase: String? = nil, reason: String? = nil
  ) {
    state.withLock {
      var metrics = $0.endpoints[name] ?? EndpointMetrics()
      metrics.isReady = ready
      metrics.isQuarantined = quarantined
      metrics.driftSince = driftSince
      metrics.phase = phase
      metrics.reason = reason
      $0.endpoints[name] = metrics
    }
  }

  /// Records a rollback of an endpoint.
  package func rolledBack(_ name: String) {
    state.withLock { $0.endpoints[name, default: EndpointMetrics()].rollbacks += 1 }
  }

  /// Records the time from the first manifest of a new endpoint until it was ready.
  package func firstReady(seconds: Duration) { state.withLock { $0.timeToReady.observe(seconds) } }

  /// Removes the series of an endpoint that is neither desired nor live.
  package func removed(_ name: String) { state.withLock { $0.endpoints[name] = nil } }

  /// Records a read of the source.
  ///
  /// - Parameter isWhole: whether the source was read completely.
  package func synced(isWhole: Bool, at moment: Timestamp, manifests: Int) {
    state.withLock {
      if isWhole {
        $0.wholeSyncs += 1
        $0.lastWholeSync = moment
      } else {
        $0.partialSyncs += 1
      }
      $0.manifests = manifests
    }
  }

  /// Records the result of a notification.
  package func notified(_ delivery: Delivery) { state.withLock { $0.deliveries[delivery, default: 0] += 1 } }

  /// Records a provider call.
  ///
  /// - Parameters:
  ///   - call: from a closed set, such as `PUT /api/2.0/serving-endpoints/{name}/config`.
  ///   - result: from a closed set, such as `success`.
  package func called(_ call: String, result: String) {
    state.withLock { $0.calls[Call(call: call, result: result), default: 0] += 1 }
  }
}
