#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// How often values occur, in buckets that are each a tenth wider than the one before. A percentile is at most 5% off.
struct LogHistogram: Hashable, Sendable {
  /// Values below this are zero.
  private static let least = 0.001
  private static let zero = -100
  private static let last = 400
  private static let base = 1.1
  private static let factor = 1 / log(base)

  /// Counts by bucket; only those above zero.
  private(set) var counts: [Int: Int] = [:]

  init() {}

  init(counts: [Int: Int]) {
    self.counts = counts.filter { $0.value > 0 && $0.key >= Self.zero && $0.key <= Self.last }
  }

  /// Adds a value. One that is not a number, or is below zero, is left out.
  mutating func add(_ value: Double) {
    guard value.isFinite, value >= 0 else { return }
    counts[Self.bucket(of: value), default: 0] += 1
  }

  mutating func add(_ other: LogHistogram) { counts.merge(other.counts, uniquingKeysWith: &+) }

  /// The values below which these parts of all values are, in the same order; nil if there are none.
  ///
  /// - Parameter parts: from 0 to 1, ascending.
  func percentiles(_ parts: [Double]) -> [Double]? {
    let total = counts.values.reduce(0, &+)
    guard total > 0 else { return nil }
    var buckets = counts.sorted { $0.key < $1.key }[...]
    var below = 0
    return parts.map { part in
      // The nearest rank: the smallest value that so many values do not exceed.
      let rank = max(1, (part * Double(total)).rounded(.up))
      while buckets.count > 1, let bucket = buckets.first, Double(below &+ bucket.value) < rank {
        below &+= bucket.value
        buckets.removeFirst()
      }
      return Self.value(buckets.first?.key ?? Self.zero)
    }
  }

  private static func bucket(of value: Double) -> Int {
    value < least ? zero : min(last, Int((log(value) * factor).rounded(.down)))
  }

  /// The middle of a bucket, as a ratio: both of its ends are equally far off.
  private static func value(_ bucket: Int) -> Double { bucket == zero ? 0 : pow(base, Double(bucket) + 0.5) }
}
