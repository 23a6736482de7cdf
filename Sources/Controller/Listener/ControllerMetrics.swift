package import Planning
internal import Synchronization

/// What the controller counts and measures, under the names the field uses: controller-runtime's and client-go's for
/// loop, queue and lease, Prometheus's own for the process, and `setpoint_…` for the rest.
///
/// Every method is cheap and never waits: it changes a number under a lock. ``text(now:)`` writes everything out in the
/// Prometheus text format with a small writer of our own, ``PrometheusText``.
///
/// How many series there are is bounded: labels have values out of closed sets, but for `endpoint`, of which there are
/// as many as the fleet has endpoints (four series each, a fifth where the phase is told), and which go when the
/// endpoint goes. Nothing that a request or a server brings becomes a label. Series exist from the start, at zero, so
/// that a rate can be taken of their first rise; only those of calls begin with the first call.
package final class ControllerMetrics: Sendable {
  /// How a run over one endpoint ended.
  package enum Result: Hashable, Sendable, CaseIterable {
    /// Nothing to do before the next look.
    case success
    /// To be done again at once.
    case requeue
    /// To be looked at again after a time.
    case requeueAfter
    /// Failed, and is tried again with growing pauses.
    case error
    /// Failed, and is tried again only when something changes.
    case terminalError
    /// Took longer than a run may, and is tried again with growing pauses.
    case timeout

    /// controller-runtime counts every kind of failure as an error, and some of them once more by themselves.
    var label: String {
      switch self {
      case .success: "success"
      case .requeue: "requeue"
      case .requeueAfter: "requeue_after"
      case .error, .terminalError, .timeout: "error"
      }
    }
  }

  /// What became of a notice.
  package enum Delivery: String, Hashable, Sendable, CaseIterable {
    /// The receiver took it.
    case delivered
    /// It was tried often enough, or the receiver refused it.
    case failed
    /// It had to make room for a newer one, or the controller stopped.
    case dropped
  }

  let facts: Facts
  let process: @Sendable () -> ProcessFigures?
  private let state: Mutex<State>

  /// - Parameters:
  ///   - fleet: the fleet's name, which is also the lease's.
  ///   - started: when the process was started.
  ///   - concurrency: how many endpoints are worked on at once at most.
  package init(
    version: String, fleet: String, started: Timestamp, concurrency: Int,
    process: @escaping @Sendable () -> ProcessFigures? = ProcessFigures.current
  ) {
    facts = Facts(version: version, fleet: fleet, started: started, concurrency: concurrency)
    self.process = process
    state = Mutex(State())
  }

  /// What does not change while the process lives.
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
    /// Nil until it is told for the first time.
    var queue: KeyQueue.Figures?
    var isLeader = false
    var endpoints: [String: EndpointFigures] = [:]
    var timeToReady = Histogram(Self.readyBounds)
    var calls: [Call: Int] = [:]
    var wholeSyncs = 0
    var partialSyncs = 0
    var lastWholeSync: Timestamp?
    var manifests = 0
    var deliveries: [Delivery: Int] = [:]

    /// A run is a few calls of a fast API, or a verification of minutes.
    private static let runBounds = [
      0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]
    /// A small model is there in seconds, a big one in an hour or two.
    private static let readyBounds = [5.0, 15, 30, 60, 120, 300, 600, 900, 1800, 2700, 3600, 5400, 7200]
  }

  struct EndpointFigures: Sendable {
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

// MARK: - What happened

extension ControllerMetrics {
  /// A worker took a key that had been ready for so long.
  package func taken(waited: Duration) { state.withLock { $0.queueTime.observe(waited) } }

  /// A run over one endpoint ended.
  package func reconciled(_ result: Result, seconds: Duration) {
    state.withLock {
      $0.results[result, default: 0] += 1
      $0.runTime.observe(seconds)
    }
  }

  /// The queue as it is now; to be told right before the figures are read.
  package func queue(_ figures: KeyQueue.Figures) { state.withLock { $0.queue = figures } }

  /// Whether this controller holds its fleet's lease.
  package func leads(_ isLeader: Bool) { state.withLock { $0.isLeader = isLeader } }

  /// How an endpoint stands.
  ///
  /// - Parameters:
  ///   - driftSince: since when something else is live than what is wanted and was applied; nil: it is not so.
  ///   - phase: its phase and the reason's code, out of their closed sets; nil tells neither.
  package func endpoint(
    _ name: String, ready: Bool, quarantined: Bool, driftSince: Timestamp?, phase: String? = nil, reason: String? = nil
  ) {
    state.withLock {
      var figures = $0.endpoints[name] ?? EndpointFigures()
      figures.isReady = ready
      figures.isQuarantined = quarantined
      figures.driftSince = driftSince
      figures.phase = phase
      figures.reason = reason
      $0.endpoints[name] = figures
    }
  }

  /// An endpoint was sent back to an earlier revision.
  package func rolledBack(_ name: String) {
    state.withLock { $0.endpoints[name, default: EndpointFigures()].rollbacks += 1 }
  }

  /// A new endpoint was ready for the first time, so long after it was wanted.
  package func firstReady(seconds: Duration) { state.withLock { $0.timeToReady.observe(seconds) } }

  /// An endpoint is neither wanted nor there any more: its series end.
  package func removed(_ name: String) { state.withLock { $0.endpoints[name] = nil } }

  /// The source was read.
  ///
  /// - Parameter isWhole: whether all of it could be read.
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

  /// A notice's way ended.
  package func notified(_ delivery: Delivery) { state.withLock { $0.deliveries[delivery, default: 0] += 1 } }

  /// A call of the provider was answered, or not.
  ///
  /// - Parameters:
  ///   - call: out of a closed set, such as `PUT /api/2.0/serving-endpoints/{name}/config`.
  ///   - result: the same, such as `success`.
  package func called(_ call: String, result: String) {
    state.withLock { $0.calls[Call(call: call, result: result), default: 0] += 1 }
  }
}
