internal import Synchronization

/// The metrics that libraries report through swift-metrics, by their Prometheus names and labels.
///
/// Names are changed as little as Prometheus requires: `http.server.active_requests` becomes
/// `http_server_active_requests`. Counters end with `_total`, and timers are histograms in seconds and end with
/// `_seconds`. The help of a family names the original.
///
/// Label values come from the libraries. Use it only for libraries that have few of them.
package final class MetricRegistry: Sendable {
  private struct Family: Sendable {
    let kind: PrometheusText.Kind
    let help: String
    var series: [PrometheusText.Labels: any MetricSeries] = [:]
  }

  private let families = Mutex<[String: Family]>([:])

  package init() {}

  /// Writes all families in the order of their names, except those that the text already has.
  package func write(to text: inout PrometheusText) {
    let families = families.withLock { $0 }
    for (name, family) in families.sorted(by: { $0.key < $1.key }) where !text.contains(name) {
      text.begin(name, family.kind, family.help)
      for (labels, series) in family.series.sorted(by: { $0.key.text < $1.key.text }) {
        series.write(labels, to: &text)
      }
    }
  }

  /// Returns the number with this name and these dimensions, and creates it if necessary.
  func number(_ kind: PrometheusText.Kind, _ label: String, _ dimensions: [(String, String)]) -> NumberSeries {
    let name = kind == .counter ? MetricName.valid(label, suffix: "_total") : MetricName.valid(label)
    return series(name, kind, label, dimensions) { NumberSeries() }
  }

  /// Returns the histogram with this name and these dimensions, and creates it if necessary.
  func histogram(
    _ label: String, suffix: String = "", _ dimensions: [(String, String)], bounds: [Double]
  ) -> HistogramSeries {
    series(MetricName.valid(label, suffix: suffix), .histogram, label, dimensions) { HistogramSeries(bounds) }
  }

  /// Removes a series, and its family with the last one.
  func remove(_ series: any MetricSeries) {
    families.withLock { families in
      families = families.compactMapValues { family in
        var family = family
        family.series = family.series.filter { $0.value !== series }
        return family.series.isEmpty ? nil : family
      }
    }
  }

  /// A name belongs to the kind that uses it first. A series of another kind counts, but is not shown: a family with
  /// two kinds would make the whole text invalid.
  private func series<Series: MetricSeries>(
    _ name: String, _ kind: PrometheusText.Kind, _ label: String, _ dimensions: [(String, String)],
    create: () -> Series
  ) -> Series {
    let labels = Self.labels(dimensions, kind)
    return families.withLock { families in
      var family = families[name] ?? Family(kind: kind, help: "Reported by a library as \(label).")
      guard family.kind == kind else { return create() }
      if let known = family.series[labels] as? Series { return known }
      let series = create()
      family.series[labels] = series
      families[name] = family
      return series
    }
  }

  /// Dimensions in the order of their names, so that the order in which they were given does not matter. If two have
  /// the same valid name, the first one counts.
  private static func labels(_ dimensions: [(String, String)], _ kind: PrometheusText.Kind) -> PrometheusText.Labels {
    var pairs: [String: String] = [:]
    for (name, value) in dimensions {
      var name = MetricName.valid(name)
      // The label of a histogram's buckets.
      if kind == .histogram, name == "le" { name = "exported_le" }
      if pairs[name] == nil { pairs[name] = value }
    }
    return PrometheusText.Labels(pairs.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
  }
}
