/// Counts values by size. Pure.
struct Histogram: Hashable, Sendable {
  /// The upper bounds of the buckets, ascending; a value above the last is only part of the sum and the count.
  let bounds: [Double]
  /// The number of values above the previous bound and up to this one, inclusive.
  private(set) var counts: [UInt64]
  private(set) var sum = 0.0
  private(set) var count: UInt64 = 0

  init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = bounds.map { _ in 0 }
  }

  mutating func observe(_ value: Double) {
    if let bucket = bounds.firstIndex(where: { value <= $0 }) { counts[bucket] += 1 }
    sum += value
    count += 1
  }

  mutating func observe(_ duration: Duration) { observe(duration.inSeconds) }
}

extension Duration {
  /// The duration in seconds, with fractions.
  var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
