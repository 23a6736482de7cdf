/// The form in which users write numbers of bytes, in manifests and on the command line: `4096`, `128Mi`, `1G`.
package enum ByteCountText {
  private static let units: [(name: String, bytes: Int)] = [
    ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40), ("k", 1000), ("M", 1_000_000),
    ("G", 1_000_000_000), ("T", 1_000_000_000_000),
  ]

  /// Returns the number of bytes; nil if the text is not a number of bytes or is too large to count.
  package static func bytes(_ text: String) -> Int? {
    let unit = units.first { text.hasSuffix($0.name) }
    let digits = text.dropLast(unit?.name.count ?? 0)
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits),
      case (let product, false) = number.multipliedReportingOverflow(by: unit?.bytes ?? 1)
    else { return nil }
    return product
  }

  /// Returns the shortest text that ``bytes(_:)`` reads as this number, in binary units: `64Mi`.
  package static func text(bytes: Int) -> String {
    let unit = units.prefix(4).last { bytes >= $0.bytes && bytes.isMultiple(of: $0.bytes) }
    return unit.map { "\(bytes / $0.bytes)\($0.name)" } ?? "\(bytes)"
  }

  /// Returns a number of bytes for people, in binary units and rounded down to a tenth below 100: `15.2Gi`, `812Mi`.
  package static func rounded(bytes: Int) -> String {
    guard let unit = units.prefix(4).last(where: { bytes >= $0.bytes }) else { return "\(max(0, bytes))" }
    let (whole, rest) = bytes.quotientAndRemainder(dividingBy: unit.bytes)
    let tenths = rest * 10 / unit.bytes
    return whole >= 100 || tenths == 0 ? "\(whole)\(unit.name)" : "\(whole).\(tenths)\(unit.name)"
  }
}
