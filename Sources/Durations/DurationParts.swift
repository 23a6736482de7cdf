/// Durations that follow each other, as texts that add up to the text of their sum.
///
/// All have the same precision, that of the sum: hundredths below a second, tenths below ten seconds, otherwise whole
/// seconds. What rounding down leaves of the sum goes to those that lost most by it.
package struct DurationParts: Hashable, Sendable {
  package let parts: [String]
  package let sum: String

  /// - Parameter milliseconds: negative ones count as zero.
  package init(milliseconds: [Int64]) {
    let amounts = milliseconds.map { max(0, $0) }
    let sum = amounts.reduce(Int64(0)) { sum, amount in
      let (total, isTooLong) = sum.addingReportingOverflow(amount)
      return isTooLong ? .max : total
    }
    let unit: Int64 = sum < 1_000 ? 10 : sum < 10_000 ? 100 : 1_000
    let units = sum / unit + (sum % unit >= unit / 2 ? 1 : 0)
    var rounded = amounts.map { $0 / unit }
    let missing = max(0, units &- rounded.reduce(0, &+))
    let byLoss = amounts.indices.sorted { (amounts[$1] % unit, $0) < (amounts[$0] % unit, $1) }
    for index in byLoss.prefix(Int(clamping: missing)) { rounded[index] += 1 }
    parts = rounded.map { Self.text($0, unit) }
    self.sum = Self.text(units, unit)
  }

  private static func text(_ count: Int64, _ unit: Int64) -> String {
    let (product, isTooLong) = count.multipliedReportingOverflow(by: unit)
    let milliseconds: Int64 = isTooLong ? .max : product
    return DurationText.text(.milliseconds(milliseconds))
  }
}
