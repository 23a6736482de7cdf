package import GRDB

/// A figure of an endpoint over time, with a series for each part and version.
package struct EndpointFigure: Hashable, Sendable {
  /// One line of the figure's chart.
  package struct Series: Hashable, Sendable {
    /// Such as `p95`, or `2xx`.
    package let name: String
    /// The version in the registry; nil if no version was involved.
    package let version: String?
    /// One value for each step; nil if there is none.
    package let values: [Double?]
  }

  /// Such as `latency`.
  package let name: String
  /// Such as `ms`; empty for numbers.
  package let unit: String
  package let series: [Series]
}

/// The figures of an endpoint: those of its requests from their summaries, those of its engines from `otel_metrics`.
package struct EndpointFigures: Sendable {
  private let endpoint: String
  private let window: FigureWindow

  package init(_ endpoint: String, _ window: FigureWindow) {
    self.endpoint = endpoint
    self.window = window
  }

  /// Reads all figures. Parts without any value are omitted; a figure without parts is not.
  ///
  /// - Throws: an error of the database.
  package func read(_ database: Database) throws -> [EndpointFigure] {
    var steps: [String: [RequestSummary?]] = [:]
    let none = [RequestSummary?](repeating: nil, count: window.count)
    try RequestSummaries.read(database, endpoint, window.level, window.span) { time, version, summary in
      guard let index = window.index(of: time) else { return }
      // In place: a copy for each summary would take longer than everything else.
      if steps[version]?[index]?.add(summary) == nil { steps[version, default: none][index] = summary }
    }
    return RequestFigures(window: window, versions: steps).all + (try engineFigures(database))
  }

  private func engineFigures(_ database: Database) throws -> [EndpointFigure] {
    func series(_ names: [String]) throws -> EngineSeries { try EngineSeries(database, endpoint, names, window) }
    let running = try series(["vllm:num_requests_running"])
    let waiting = try series(["vllm:num_requests_waiting"])
    let cache = try series(["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"])
    let preemptions = try series(["vllm:num_preemptions_total", "vllm:num_preemptions"])
    let prompt = try series(["vllm:prompt_tokens_total", "vllm:prompt_tokens"])
    let generation = try series(Self.generationTokens)
    let requests = parts("running", running, running.total) + parts("waiting", waiting, waiting.total)
    let usage = parts("mean", cache, cache.mean) + parts("highest replica", cache, cache.most)
    let tokens = parts("prompt", prompt, prompt.rate) + parts("generation", generation, generation.rate)
    return [
      figure("engine_requests", "", requests),
      figure("kv_cache", "%", usage.map { $0.scaled(by: 100) }),
      figure("preemptions", "1/min", parts("preemptions", preemptions, preemptions.rate).map { $0.scaled(by: 60) }),
      figure("engine_tokens", "tokens/s", tokens),
    ]
  }

  private func parts(
    _ name: String, _ series: EngineSeries, _ values: (String?) -> [Double?]
  ) -> [EndpointFigure.Series] {
    series.versions.map { EndpointFigure.Series(name: name, version: $0, values: values($0)) }
  }

  private func figure(_ name: String, _ unit: String, _ series: [EndpointFigure.Series]) -> EndpointFigure {
    EndpointFigure(name: name, unit: unit, series: series.filter { $0.values.contains { $0 != nil } })
  }

  /// What the requests of the last minutes have in common, whatever their version.
  ///
  /// - Parameter span: milliseconds since 1970; precise to ten seconds.
  package static func summary(
    of endpoint: String, _ span: Range<Int64>, _ database: Database
  ) throws -> RequestSummary {
    var whole = RequestSummary()
    try RequestSummaries.read(database, endpoint, .short, span) { _, _, summary in whole.add(summary) }
    return whole
  }

  /// How many tokens per second the engines generated in the last two minutes; nil if it is unknown.
  ///
  /// - Parameter now: milliseconds since 1970.
  package static func generationRate(of endpoint: String, now: Int64, _ database: Database) throws -> Double? {
    // One step, although the start of the window is rounded.
    let window = FigureWindow((now - 120_000)..<now, step: 130_000)
    let series = try EngineSeries(database, endpoint, generationTokens, window)
    let rates = series.versions.compactMap { series.rate($0).first ?? nil }
    return rates.isEmpty ? nil : rates.reduce(0, +)
  }

  private static let generationTokens = ["vllm:generation_tokens_total", "vllm:generation_tokens"]
}

extension EndpointFigure.Series {
  fileprivate func scaled(by factor: Double) -> EndpointFigure.Series {
    EndpointFigure.Series(name: name, version: version, values: values.map { value in value.map { $0 * factor } })
  }
}
