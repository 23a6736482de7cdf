import Scheduling
import Synchronization

/// Spreads the starts of replicas: loading weights uses all of a machine, and concurrent starts only delay each other.
final class StartLimiter: Sendable {
  private let starts: Mutex<TokenBucket<String>>
  private let clock = ContinuousClock()
  private let origin = ContinuousClock.now

  /// - Parameters:
  ///   - burst: how many may start in any window of `spacing`.
  init(burst: Int, spacing: Duration) { starts = Mutex(TokenBucket(capacity: burst, per: spacing)) }

  /// Takes a replica's turn, or a place in line for it.
  ///
  /// - Returns: nil if it may start now; otherwise how long to wait before asking again.
  func turn(for replica: String) -> Duration? {
    let now = clock.now - origin
    return starts.withLock { $0.take(for: replica, urgent: false, now: now) }
  }

  /// Removes a replica that will not start any more.
  func leave(_ replica: String) { starts.withLock { $0.leave(replica) } }
}
