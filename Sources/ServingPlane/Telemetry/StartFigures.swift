import PrometheusMetrics
import Synchronization

/// Counts the starts of replicas, by their endpoint's name.
final class StartFigures: Sendable {
  struct Counts: Sendable {
    /// From the decision to the first token, in seconds.
    var duration = Histogram([5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600])
    var failures = 0
  }

  private let state = Mutex<[String: Counts]>([:])

  /// - Parameter milliseconds: how long the start took.
  func succeeded(_ endpoint: String, after milliseconds: Int64) {
    state.withLock { $0[endpoint, default: Counts()].duration.observe(Double(milliseconds) / 1000) }
  }

  /// A replica ended before it was ready.
  func failed(_ endpoint: String) { state.withLock { $0[endpoint, default: Counts()].failures += 1 } }

  var counts: [String: Counts] { state.withLock { $0 } }

  /// Forgets all other endpoints.
  func keep(_ endpoints: Set<String>) {
    state.withLock { state in state = state.filter { endpoints.contains($0.key) } }
  }
}
