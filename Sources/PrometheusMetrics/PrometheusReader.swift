/// What a program reports in the Prometheus text exposition format. Pure.
///
/// Tolerant: a line that cannot be read is skipped and counted, so that one odd series does not cost the others. The
/// times that Python's client writes as series of their own (`NAME_created`) become the starts of their series.
/// https://prometheus.io/docs/instrumenting/exposition_formats/
package struct PrometheusReader: Sendable {
  /// In the order of the text.
  package private(set) var families: [PrometheusFamily] = []
  /// The number of lines, and of histograms, that could not be read.
  package private(set) var skipped = 0

  private typealias Kind = PrometheusFamily.Kind

  /// A series of a histogram while its lines are read.
  private struct Parts {
    var buckets: [(bound: Double, count: Double)] = []
    var sum: Double?
    var count: Double?
  }

  private struct SeriesKey: Hashable {
    let name: String
    let labels: [String: String]
  }

  /// By the name in the header.
  private var kinds: [String: Kind] = [:]
  private var helps: [String: String] = [:]
  /// The position of a family in ``families``, by its name.
  private var indexes: [String: Int] = [:]
  private var histograms: [SeriesKey: Parts] = [:]
  /// The series of histograms in the order of the text.
  private var order: [SeriesKey] = []
  /// By the name without `_created`.
  private var starts: [SeriesKey: Double] = [:]

  /// - Parameter text: of at most a few megabytes.
  package init(_ text: String) {
    for line in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
      var rest = line
      Self.skipSpaces(&rest)
      guard let first = rest.first else { continue }
      if first == UInt8(ascii: "#") {
        header(rest)
      } else if let sample = PrometheusLine(rest) {
        add(sample)
      } else {
        skipped += 1
      }
    }
    foldHistograms()
    for index in families.indices { noteStarts(ofFamily: index) }
    families.removeAll { $0.samples.isEmpty }
  }

  /// The family of that name; nil if there is none.
  package subscript(name: String) -> PrometheusFamily? { families.first { $0.name == name } }

  private static func skipSpaces(_ text: inout Substring.UTF8View) {
    text = text.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
  }

  /// `# HELP name text` or `# TYPE name kind`; anything else is a comment.
  private mutating func header(_ line: Substring.UTF8View) {
    let words = Substring(line).split(separator: " ", maxSplits: 3, omittingEmptySubsequences: true)
    guard words.count >= 3, words[0] == "#" else { return }
    let name = String(words[2])
    let text = words.count > 3 ? String(words[3]) : ""
    switch words[1] {
    case "HELP": helps[name] = PrometheusLine.unescaped(text)
    case "TYPE":
      let word = String(text.prefix { $0 != " " && $0 != "\t" })
      kinds[name] = Kind(rawValue: word) ?? .untyped
    default: return
    }
  }

  private mutating func add(_ line: PrometheusLine) {
    for suffix in ["_bucket", "_sum", "_count"] where line.name.hasSuffix(suffix) {
      let name = String(line.name.dropLast(suffix.count))
      if kinds[name] == .histogram { return addPart(line, of: name, suffix) }
    }
    if let name = nameOfStart(line.name) {
      starts[SeriesKey(name: name, labels: line.labels)] = line.value
      return
    }
    // In OpenMetrics the header of a counter is without the suffix of its series.
    let header =
      kinds[line.name] == nil && line.name.hasSuffix("_total") ? String(line.name.dropLast(6)) : line.name
    let sample = PrometheusFamily.Sample(labels: line.labels, value: .number(line.value))
    let index = index(of: line.name, header: header)
    families[index].samples.append(sample)
  }

  private mutating func addPart(_ line: PrometheusLine, of name: String, _ suffix: String) {
    var labels = line.labels
    let bound = suffix == "_bucket" ? labels.removeValue(forKey: "le") : nil
    let key = SeriesKey(name: name, labels: labels)
    if histograms[key] == nil {
      order.append(key)
      _ = index(of: name, header: name)
    }
    switch suffix {
    case "_sum": histograms[key, default: Parts()].sum = line.value
    case "_count": histograms[key, default: Parts()].count = line.value
    default:
      guard let limit = bound.flatMap({ PrometheusLine.number($0.utf8) }) else {
        skipped += 1
        return
      }
      histograms[key, default: Parts()].buckets.append((limit, line.value))
    }
  }

  /// The name of the series whose start a line reports; nil for any other line.
  private func nameOfStart(_ name: String) -> String? {
    guard name.hasSuffix("_created") else { return nil }
    let base = String(name.dropLast(8))
    if kinds[base] == .counter || kinds[base] == .histogram { return base }
    return kinds[base + "_total"] == .counter ? base : nil
  }

  /// The position of a family, which is begun if it is new.
  private mutating func index(of name: String, header: String) -> Int {
    if let index = indexes[name] { return index }
    indexes[name] = families.count
    families.append(
      PrometheusFamily(name: name, kind: kinds[header] ?? .untyped, help: helps[header] ?? ""))
    return families.count - 1
  }

  private mutating func foldHistograms() {
    for key in order {
      guard let parts = histograms[key], let index = indexes[key.name] else { continue }
      guard let histogram = Self.folded(parts) else {
        skipped += 1
        continue
      }
      families[index].samples.append(PrometheusFamily.Sample(labels: key.labels, value: .histogram(histogram)))
    }
  }

  /// Nil if its buckets contradict each other.
  private static func folded(_ parts: Parts) -> ScrapedHistogram? {
    let buckets = parts.buckets.sorted { $0.bound < $1.bound }
    guard let total = (parts.count ?? buckets.last?.count).flatMap(number) else { return nil }
    var (bounds, counts, below): ([Double], [UInt64], UInt64) = ([], [], 0)
    for bucket in buckets where bucket.bound < .infinity {
      guard let upTo = number(bucket.count), upTo >= below, bounds.last.map({ $0 < bucket.bound }) ?? true else {
        return nil
      }
      bounds.append(bucket.bound)
      counts.append(upTo - below)
      below = upTo
    }
    guard total >= below else { return nil }
    return ScrapedHistogram(bounds: bounds, counts: counts + [total - below], sum: parts.sum ?? 0, count: total)
  }

  private static func number(_ value: Double) -> UInt64? { UInt64(exactly: value.rounded()) }

  private mutating func noteStarts(ofFamily index: Int) {
    guard !starts.isEmpty else { return }
    let family = families[index]
    let isCounter = family.kind == .counter && family.name.hasSuffix("_total")
    let name = isCounter ? String(family.name.dropLast(6)) : family.name
    for (position, sample) in family.samples.enumerated() {
      families[index].samples[position].start = starts[SeriesKey(name: name, labels: sample.labels)]
    }
  }
}
