import Gateway

/// Limits the traces that no client has asked for: a trace takes several rows, and under load a few of them say as much
/// as all. Pure.
struct TraceBudget: Sendable {
  /// The most of them in a second.
  static let perSecond = 20

  private var second: Int64 = 0
  private var count = 0

  /// Whether a request's trace is recorded. A client asks for it with a `traceparent` header that has the flag `sampled`.
  ///
  /// - Parameter time: in nanoseconds since 1970.
  mutating func admits(_ trace: TraceContext?, at time: Int64) -> Bool {
    guard let trace, trace.isSampled else { return false }
    guard trace.parentSpanID == nil else { return true }
    let now = time / 1_000_000_000
    if now != second { (second, count) = (now, 0) }
    count += 1
    return count <= Self.perSecond
  }
}
