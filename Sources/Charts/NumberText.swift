/// Numbers on axes and in legends.
enum NumberText {
  /// A number with a fixed number of decimals.
  static func fixed(_ value: Double, decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    guard let whole = Int64(exactly: (value * scale).rounded()) else { return "\(value)" }
    let digits = String(whole.magnitude)
    let sign = whole < 0 ? "-" : ""
    guard decimals > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }

  /// A number with about three digits: `0.12`, `4.5`, `120`, `45.2k`.
  static func short(_ value: Double) -> String {
    let (divisor, letter) = unit(for: value)
    let scaled = value / divisor
    let decimals =
      switch scaled.magnitude {
      case 100...: 0
      case 10...: 1
      default: 2
      }
    let text = fixed(scaled, decimals: decimals)
    guard text.contains(".") else { return text + letter }
    let trimmed = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
    return String(trimmed.reversed()) + letter
  }

  /// The letter for large numbers, and what to divide them by.
  static func unit(for value: Double) -> (divisor: Double, letter: String) {
    switch value.magnitude {
    case 1e10...: (1e9, "G")
    case 1e7...: (1e6, "M")
    case 1e4...: (1e3, "k")
    default: (1, "")
    }
  }
}
