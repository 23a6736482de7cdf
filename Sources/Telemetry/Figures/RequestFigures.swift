/// The figures of an endpoint's requests over time, by version.
struct RequestFigures {
  let window: FigureWindow
  /// The summaries by version and step; nil for a step without requests. The version is empty for requests that were
  /// refused before one was chosen.
  let versions: [String: [RequestSummary?]]

  var all: [EndpointFigure] {
    let usual: [(name: String, part: Double)] = [("p50", 0.5), ("p95", 0.95)]
    let more = usual + [("p99", 0.99)]
    let lengths = percentiles(\.inputLength, [("input p50", 0.5)]) + percentiles(\.outputLength, [("output p50", 0.5)])
    return [
      EndpointFigure(
        name: "requests", unit: "1/min", series: counts(per: 60) { Self.byClass($0.statuses) }),
      EndpointFigure(name: "latency", unit: "ms", series: percentiles(\.latency, more)),
      EndpointFigure(name: "ttft", unit: "ms", series: percentiles(\.timeToFirstToken, more)),
      EndpointFigure(name: "itl", unit: "ms", series: percentiles(\.interTokenLatency, usual)),
      EndpointFigure(
        name: "tokens", unit: "tokens/s",
        series: counts(per: 1) { $0.tokensIn + $0.tokensOut > 0 ? ["in": $0.tokensIn, "out": $0.tokensOut] : [:] }),
      EndpointFigure(name: "queue", unit: "ms", series: percentiles(\.queue, usual)),
      EndpointFigure(name: "lengths", unit: "tokens", series: lengths),
      EndpointFigure(name: "finish_reasons", unit: "1/min", series: counts(per: 60) { $0.finishReasons }),
      EndpointFigure(
        name: "cold_starts", unit: "1/min",
        series: counts(per: 60) { $0.coldStarts > 0 ? ["cold starts": $0.coldStarts] : [:] }),
    ]
  }

  private static func byClass(_ statuses: [Int: Int]) -> [String: Int] {
    var classes: [String: Int] = [:]
    for (status, count) in statuses {
      // Limits and clients that left are not mistakes in requests.
      let name = status == 429 || status == 499 ? "\(status)" : "\(status / 100)xx"
      classes[name, default: 0] += count
    }
    return classes
  }

  /// Counts in a number of seconds, by name. A step without requests has none of them.
  private func counts(per seconds: Double, _ values: (RequestSummary) -> [String: Int]) -> [EndpointFigure.Series] {
    sortedVersions.flatMap { version, steps -> [EndpointFigure.Series] in
      let counts = steps.map { $0.map(values) }
      let names = Set(counts.compactMap { $0?.keys }.joined()).sorted()
      let life = life(of: steps)
      return names.map { name in
        let values = counts.indices.map { index -> Double? in
          guard life.contains(index) else { return nil }
          return Double(counts[index]?[name] ?? 0) * seconds / window.seconds(index)
        }
        return EndpointFigure.Series(name: name, version: version, values: values)
      }
    }
  }

  private func percentiles(
    _ histogram: KeyPath<RequestSummary, LogHistogram>, _ parts: [(name: String, part: Double)]
  ) -> [EndpointFigure.Series] {
    sortedVersions.flatMap { version, steps -> [EndpointFigure.Series] in
      let shares = parts.map { $0.part }
      let values = steps.map { $0?[keyPath: histogram].percentiles(shares) }
      guard values.contains(where: { $0 != nil }) else { return [] }
      return parts.indices.map { part in
        EndpointFigure.Series(name: parts[part].name, version: version, values: values.map { $0?[part] })
      }
    }
  }

  private var sortedVersions: [(version: String?, steps: [RequestSummary?])] {
    versions.sorted { $0.key < $1.key }.map { ($0.key.isEmpty ? nil : $0.key, $0.value) }
  }

  /// The steps in which a version may have requests. With several versions, none is shown before its first and after its
  /// last one.
  private func life(of steps: [RequestSummary?]) -> ClosedRange<Int> {
    guard versions.count > 1, let first = steps.firstIndex(where: { $0 != nil }),
      let last = steps.lastIndex(where: { $0 != nil })
    else { return 0...max(0, steps.count - 1) }
    return first...last
  }
}
