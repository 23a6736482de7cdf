/// A writer of metrics in the Prometheus text exposition format, version 0.0.4, or in OpenMetrics: each family once, its
/// header before its samples.
///
/// The formats are small and stable, so the writer is our own.
/// https://prometheus.io/docs/instrumenting/exposition_formats/
package struct PrometheusText {
  /// The `Content-Type` of a response in this format.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  package enum Form: Sendable {
    case prometheus
    /// https://prometheus.io/docs/specs/om/open_metrics_spec/
    case openMetrics

    /// The `Content-Type` of a response in this form.
    package var contentType: String {
      switch self {
      case .prometheus: PrometheusText.contentType
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      }
    }
  }

  /// The type of a family.
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
    /// Only in Prometheus's own form.
    case untyped
  }

  /// The labels of a sample, escaped once for all families that use them.
  package struct Labels: Hashable, Sendable {
    /// `a="1",b="2"`
    let text: String

    /// - Parameter pairs: valid names, each once, and any values.
    package init(_ pairs: KeyValuePairs<String, String> = [:]) { self.init(pairs.map { (name: $0, value: $1) }) }

    /// - Parameter pairs: valid names, each once, and any values.
    package init(_ pairs: [(name: String, value: String)]) {
      text = pairs.map { "\($0)=\"\(PrometheusText.escaped($1, quotes: true))\"" }.joined(separator: ",")
    }

    fileprivate func with(_ name: String, _ value: String) -> String {
      (text.isEmpty ? "" : text + ",") + "\(name)=\"\(value)\""
    }
  }

  /// The text so far.
  package private(set) var text = ""
  private var family = ""
  private var families: Set<String> = []
  private let form: Form

  package init(_ form: Form = .prometheus) { self.form = form }

  /// The complete text: OpenMetrics has an end mark.
  package var finished: String { form == .openMetrics ? text + "# EOF\n" : text }

  /// Returns whether a family was begun.
  package func contains(_ name: String) -> Bool { families.contains(name) }

  /// Begins a family; the samples that follow belong to it.
  package mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    family = name
    families.insert(name)
    text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// Writes a number.
  package mutating func sample(_ labels: Labels = Labels(), _ value: Double) { line("", labels.text, value) }
  /// Writes a number.
  package mutating func sample(_ labels: Labels = Labels(), _ value: Int) { line("", labels.text, Double(value)) }
  /// Writes 1 for true, and 0 for false.
  package mutating func sample(_ labels: Labels = Labels(), _ isSo: Bool) { line("", labels.text, isSo ? 1 : 0) }

  /// Writes a histogram: its cumulative buckets, its sum and its count.
  package mutating func sample(_ labels: Labels = Labels(), _ histogram: Histogram) {
    buckets(labels, histogram.bounds, histogram.counts, sum: histogram.sum, count: histogram.count)
  }

  /// Writes a histogram that another program has reported.
  package mutating func sample(_ labels: Labels = Labels(), _ histogram: ScrapedHistogram) {
    buckets(labels, histogram.bounds, histogram.counts, sum: histogram.sum, count: histogram.count)
  }

  private mutating func buckets(
    _ labels: Labels, _ bounds: [Double], _ counts: [UInt64], sum: Double, count: UInt64
  ) {
    var soFar: UInt64 = 0
    for (bound, count) in zip(bounds, counts) {
      soFar += count
      // OpenMetrics wants bounds always with a fraction.
      line("_bucket", labels.with("le", form == .openMetrics ? "\(bound)" : Self.number(bound)), Double(soFar))
    }
    line("_bucket", labels.with("le", "+Inf"), Double(count))
    line("_sum", labels.text, sum)
    line("_count", labels.text, Double(count))
  }

  private mutating func line(_ suffix: String, _ labels: String, _ value: Double) {
    text += family
    text += suffix
    if !labels.isEmpty {
      text += "{"
      text += labels
      text += "}"
    }
    text += " "
    text += Self.number(value)
    text += "\n"
  }

  /// Formats a number the way Go's `ParseFloat` reads it.
  private static func number(_ value: Double) -> String {
    if let whole = Int64(exactly: value) { return String(whole) }
    if value.isNaN { return "NaN" }
    return value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
  }

  /// Escapes backslashes and line feeds everywhere, and quotation marks only in label values.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    let special: (UInt8) -> Bool = { byte in
      byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\n") || (quotes && byte == UInt8(ascii: "\""))
    }
    guard text.utf8.contains(where: special) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
