/// Counts values by size. Pure.
package struct Histogram: Hashable, Sendable {
  /// The upper bounds of the buckets, ascending; a value above the last is only part of the sum and the count.
  package let bounds: [Double]
  /// The number of values above the previous bound and up to this one, inclusive.
  package private(set) var counts: [UInt64]
  /// The sum of all values.
  package private(set) var sum = 0.0
  /// The number of all values.
  package private(set) var count: UInt64 = 0

  /// - Parameter bounds: the upper bounds of the buckets, ascending.
  package init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = bounds.map { _ in 0 }
  }

  /// Counts a value.
  package mutating func observe(_ value: Double) {
    if let bucket = bounds.firstIndex(where: { value <= $0 }) { counts[bucket] += 1 }
    sum += value
    count += 1
  }

  /// Adds the values of another histogram with the same bounds; one with others is ignored.
  package mutating func add(_ other: Histogram) {
    guard other.bounds == bounds else { return }
    for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
    sum += other.sum
    count += other.count
  }

  /// Counts a duration, in seconds.
  package mutating func observe(_ duration: Duration) { observe(duration.inSeconds) }
}

extension Duration {
  /// The duration in seconds, with fractions.
  package var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
