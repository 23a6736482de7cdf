internal import CanonicalJSON
internal import Charts
internal import ServingAPI

/// The figures of an endpoint as charts.
enum FigureText {
  /// What each figure shows, by its name.
  private static let titles = [
    "requests": "requests by status", "latency": "latency", "ttft": "time to first token of streams",
    "itl": "time between tokens", "tokens": "tokens in and out", "queue": "time in the queue",
    "lengths": "lengths of requests and answers", "finish_reasons": "finish reasons", "cold_starts": "cold starts",
    "engine_requests": "requests in the engines", "kv_cache": "KV cache in use", "preemptions": "preemptions",
    "engine_tokens": "tokens of the engines",
  ]

  /// The chart of a figure. If it has several versions, as during a rollout, the series name theirs.
  static func chart(_ figure: WireFigure, span: Range<Int64>) -> Chart {
    let versions = Set(figure.series.compactMap(\.version))
    let series = figure.series.map { series in
      let name = versions.count > 1 ? series.version.map { "\(series.name), version \($0)" } : nil
      return Chart.Series(
        name: name ?? series.name, points: series.points.map { Chart.Point(time: $0.time, value: $0.value) })
    }
    return Chart(title: titles[figure.name] ?? figure.name, unit: figure.unit, series: series, span: span)
  }

  /// The characters that the terminal shows, by the names of its locale.
  static func characters(_ environment: [String: String]) -> TerminalChart.Characters {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    guard let locale = locale?.lowercased() else { return .unicode }
    return locale.contains("utf-8") || locale.contains("utf8") ? .unicode : .ascii
  }

  /// The figures for programs.
  static func json(_ name: String, _ figures: WireFigures, _ shown: [WireFigure]) -> JSONValue {
    [
      "kind": "EndpointMetrics", "name": .string(name), "from": .string(TimeText.instant(figures.from ?? 0)),
      "to": .string(TimeText.instant(figures.to ?? 0)), "stepSeconds": .int(figures.stepSeconds ?? 0),
      "figures": .array(shown.map(json)),
    ]
  }

  private static func json(_ figure: WireFigure) -> JSONValue {
    let series = figure.series.map { series -> JSONValue in
      let points = series.points.map { point -> JSONValue in
        [.int(point.time), point.value.map { JSONValue.double($0) } ?? .null]
      }
      return [
        "name": .string(series.name), "version": series.version.map { JSONValue.string($0) } ?? .null,
        "points": .array(points),
      ]
    }
    return ["name": .string(figure.name), "unit": .string(figure.unit), "series": .array(series)]
  }
}
