/// How many requests a served entity takes at once, in place of a size. Both are multiples of 4 (serving-api.md 6.1);
/// equal numbers are a fixed size.
package struct ProvisionedConcurrency: Hashable, Sendable, CustomStringConvertible {
  package let min: Int
  package let max: Int

  package init(min: Int, max: Int) {
    self.min = min
    self.max = max
  }

  /// `4-8`, or `8` where it is fixed.
  package var description: String { min == max ? "\(max)" : "\(min)-\(max)" }
}
