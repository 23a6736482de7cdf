import PrometheusMetrics

/// The metrics of one endpoint as the serving API exports them (serving-api.md E15): gauges of the last whole minute, by
/// served entity. Pure.
///
/// The use of processors, memory and GPUs is left out: a plane does not measure it.
struct EndpointExposition: Sendable {
  let endpoint: ExposedEndpoint
  /// Those of the endpoint.
  let requests: [PlaneMetrics.Served: RequestFigures]
  /// The current minute since 1970.
  let minute: Int64

  private struct Entry {
    let capacity: Int
    let counts: RequestMinutes.Counts
  }

  private static let table = MetricTable<Entry>(families: [
    .init(
      "provisioned_concurrent_requests_total", .gauge, "Requests that the entity's ready replicas take at once."
    ) { .count($0.capacity) },
    .init("request_count_total", .gauge, "Requests in the last minute.") { .count($0.counts.requests) },
    .init("request_4xx_count_total", .gauge, "Requests in the last minute with a 4xx status.") {
      .count($0.counts.clientErrors)
    },
    .init("request_5xx_count_total", .gauge, "Requests in the last minute with a 5xx status.") {
      .count($0.counts.serverErrors)
    },
    .init("request_latency_ms", .histogram, "Latency of the requests in the last minute.") {
      .histogram($0.counts.latency)
    },
    .init("model_prediction_latency_ms", .histogram, "The same without the wait for a replica.") {
      .histogram($0.counts.prediction)
    },
    .init(
      "model_queue_time_ms", .histogram, "How long the requests in the last minute waited for a replica."
    ) { .histogram($0.counts.queue) },
  ])

  func text(_ form: PrometheusText.Form) -> String {
    var text = PrometheusText(form)
    Self.table.write(entries, to: &text)
    return text.finished
  }

  /// Also entities without requests.
  private var entries: [(labels: PrometheusText.Labels, item: Entry)] {
    let active = endpoint.entities.map {
      PlaneMetrics.Served(endpoint: endpoint.name, entity: $0.name, version: $0.version)
    }
    let served = Set(active).union(requests.keys)
    return served.sorted { ($0.entity, $0.version) < ($1.entity, $1.version) }.map {
      served -> (labels: PrometheusText.Labels, item: Entry) in
      let labels = PrometheusText.Labels([
        "endpoint_name": endpoint.name, "endpoint_id": endpoint.id, "served_entity_name": served.entity,
        "entity_version": served.version,
      ])
      let capacity = endpoint.entities.first { $0.name == served.entity && $0.version == served.version }?.capacity
      let counts = requests[served]?.minutes.last(before: minute)
      return (labels, Entry(capacity: capacity ?? 0, counts: counts ?? RequestMinutes.Counts()))
    }
  }
}
