/// How many requests finish in a second while others wait: an average that weights the recent past most.
///
/// Only time in which requests wait counts, since at other times the rate of finished requests is that of arrivals.
struct ServiceRate: Sendable {
  /// The age, in seconds, at which the weight has fallen to about a third.
  private static let window = 30.0
  private var finishes = 0.0
  private var seconds = 0.0
  private var last: Duration

  init(now: Duration) { last = now }

  /// Handles the passing of time; to be called before each event that changes whether requests wait.
  ///
  /// - Parameter isQueueing: whether requests have been waiting since the last call.
  mutating func advance(to now: Duration, isQueueing: Bool) {
    guard now > last else { return }
    let elapsed = (now - last) / Duration.seconds(1)
    last = now
    guard isQueueing else { return }
    // In small steps this is the exponential decay, whose function would need a C library.
    let weight = 1 / (1 + elapsed / Self.window)
    finishes *= weight
    seconds = seconds * weight + elapsed
  }

  /// Counts a request that finished while others waited.
  mutating func countFinish() { finishes += 1 }

  /// Returns the time in which so many requests finish; nil if nothing has been measured.
  func time(for requests: Int) -> Duration? {
    guard finishes > 0, seconds > 0 else { return nil }
    // Beyond an hour, the number is a guess about something that has stopped.
    return .seconds(min(Double(requests) * seconds / finishes, 3600))
  }
}
