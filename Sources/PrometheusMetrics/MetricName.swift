/// The names that Prometheus allows: ASCII letters, digits and underscores, and no digit at the beginning. Metrics may
/// also have colons, but those are reserved for recording rules.
/// https://prometheus.io/docs/concepts/data_model/
enum MetricName {
  /// Returns a valid name for any text: other characters become underscores.
  static func valid(_ text: String) -> String {
    var name = ""
    for scalar in text.unicodeScalars { name.unicodeScalars.append(isAllowed(scalar) ? scalar : "_") }
    guard let first = name.unicodeScalars.first, !("0"..."9").contains(first) else { return "_" + name }
    return name
  }

  /// Returns a valid name with a suffix, which is not repeated.
  static func valid(_ text: String, suffix: String) -> String {
    let name = valid(text)
    return name.hasSuffix(suffix) ? name : name + suffix
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_": true
    default: false
    }
  }
}
