import PrometheusMetrics
import Synchronization
import Telemetry

/// Counts the requests of a plane. Counting one takes one lock and a few additions.
///
/// The number of series is bounded: endpoints and versions that no longer exist are forgotten, and nothing that a caller
/// sends becomes a label.
final class PlaneMetrics: Sendable {
  /// What requests are counted for. Empty texts stand for what was not known when the request was refused.
  struct Served: Hashable, Sendable {
    /// The endpoint's name.
    let endpoint: String
    let entity: String
    /// The version in the registry.
    let version: String
  }

  private let state = Mutex<[Served: RequestFigures]>([:])

  /// Counts a request.
  ///
  /// - Parameter time: when it ended, in nanoseconds since 1970.
  func count(_ row: RequestRow, at time: Int64) {
    let served = Served(endpoint: row.endpoint ?? "", entity: row.entity ?? "", version: row.modelVersion ?? "")
    state.withLock { state in
      state[served, default: RequestFigures(minute: RequestMinutes.minute(of: time))].add(row, at: time)
    }
  }

  /// Everything that was counted.
  var figures: [Served: RequestFigures] { state.withLock { $0 } }

  /// Forgets what no longer exists.
  ///
  /// - Parameter versions: the versions by endpoint's name.
  func keep(_ versions: [String: Set<String>]) {
    state.withLock { state in
      state = state.filter { served, _ in
        if served.endpoint.isEmpty { return true }
        guard let known = versions[served.endpoint] else { return false }
        return served.version.isEmpty || known.contains(served.version)
      }
    }
  }

  /// The metrics of OpenTelemetry's conventions for generative AI.
  ///
  /// - Parameter time: now, in nanoseconds since 1970.
  func conventionalRows(at time: Int64) -> [MetricRow] {
    figures.sorted {
      ($0.key.endpoint, $0.key.entity, $0.key.version) < ($1.key.endpoint, $1.key.entity, $1.key.version)
    }
    .flatMap { served, figures in
      figures.kinds.flatMap { kind, measures in Self.rows(of: served, kind, measures, time) }
    }
  }

  private static func rows(
    of served: Served, _ kind: RequestFigures.Kind, _ measures: RequestFigures.Measures, _ time: Int64
  ) -> [MetricRow] {
    let resource = TelemetryResource(
      endpoint: served.endpoint, entity: served.entity.isEmpty ? nil : served.entity,
      modelVersion: served.version.isEmpty ? nil : served.version)
    // The conventions have no name for vLLM; one of one's own is allowed.
    var attributes = ["gen_ai.operation.name": kind.operation, "gen_ai.provider.name": "vllm"]
    if !served.endpoint.isEmpty { attributes["gen_ai.request.model"] = served.endpoint }
    if !served.entity.isEmpty { attributes["gen_ai.response.model"] = served.entity }
    func row(_ name: String, _ about: String, _ unit: String, _ histogram: Histogram, token: String? = nil)
      -> MetricRow?
    {
      guard histogram.count > 0 else { return nil }
      var own = attributes
      own["gen_ai.token.type"] = token
      own["error.type"] = token == nil ? kind.error : nil
      let above = histogram.count - histogram.counts.reduce(0, +)
      return MetricRow(
        time: time, startTime: measures.since, name: name, description: about, unit: unit,
        value: .histogram(
          count: histogram.count, sum: histogram.sum, bounds: histogram.bounds, counts: histogram.counts + [above]),
        attributes: own, resource: resource)
    }
    let rows = [
      row("gen_ai.server.request.duration", "Duration of requests.", "s", measures.duration),
      row(
        "gen_ai.server.time_to_first_token",
        "Time from a request's arrival to the first data of its response, if that is a stream.", "s",
        measures.firstToken),
      row(
        "gen_ai.server.time_per_output_token", "Time for each output token after the first.", "s", measures.perToken),
      row(
        "gen_ai.client.token.usage", "Number of tokens of requests and responses.", "{token}", measures.inputTokens,
        token: "input"),
      row(
        "gen_ai.client.token.usage", "Number of tokens of requests and responses.", "{token}", measures.outputTokens,
        token: "output"),
    ]
    return rows.compactMap { $0 }
  }
}
