/// The number of concurrent requests that a served entity handles, instead of a size. Both bounds are multiples of 4
/// (serving-api.md 6.1); equal bounds mean a fixed size.
package struct ProvisionedConcurrency: Hashable, Sendable, CustomStringConvertible {
  package let min: Int
  package let max: Int

  package init(min: Int, max: Int) {
    self.min = min
    self.max = max
  }

  /// The range, such as `4-8`, or `8` if fixed.
  package var description: String { min == max ? "\(max)" : "\(min)-\(max)" }
}
