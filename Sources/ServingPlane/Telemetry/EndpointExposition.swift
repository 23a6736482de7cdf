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
    let labels: PrometheusText.Labels
    let capacity: Int
    let counts: RequestMinutes.Counts
  }

  func text(_ form: PrometheusText.Form) -> String {
    let entries = entries
    var text = PrometheusText(form)
    text.begin(
      "provisioned_concurrent_requests_total", .gauge, "Requests that the entity's ready replicas take at once.")
    for entry in entries { text.sample(entry.labels, entry.capacity) }
    text.begin("request_count_total", .gauge, "Requests in the last minute.")
    for entry in entries { text.sample(entry.labels, entry.counts.requests) }
    text.begin("request_4xx_count_total", .gauge, "Requests in the last minute with a 4xx status.")
    for entry in entries { text.sample(entry.labels, entry.counts.clientErrors) }
    text.begin("request_5xx_count_total", .gauge, "Requests in the last minute with a 5xx status.")
    for entry in entries { text.sample(entry.labels, entry.counts.serverErrors) }
    text.begin("request_latency_ms", .histogram, "Latency of the requests in the last minute.")
    for entry in entries { text.sample(entry.labels, entry.counts.latency) }
    text.begin("model_prediction_latency_ms", .histogram, "The same without the wait for a replica.")
    for entry in entries { text.sample(entry.labels, entry.counts.prediction) }
    text.begin("model_queue_time_ms", .histogram, "How long the requests in the last minute waited for a replica.")
    for entry in entries { text.sample(entry.labels, entry.counts.queue) }
    return text.finished
  }

  /// Also entities without requests.
  private var entries: [Entry] {
    let active = endpoint.entities.map {
      PlaneMetrics.Served(endpoint: endpoint.name, entity: $0.name, version: $0.version)
    }
    let served = Set(active).union(requests.keys)
    return served.sorted { ($0.entity, $0.version) < ($1.entity, $1.version) }.map { served in
      Entry(
        labels: PrometheusText.Labels([
          "endpoint_name": endpoint.name, "endpoint_id": endpoint.id, "served_entity_name": served.entity,
          "entity_version": served.version,
        ]),
        capacity: endpoint.entities.first { $0.name == served.entity && $0.version == served.version }?.capacity ?? 0,
        counts: requests[served]?.minutes.last(before: minute) ?? RequestMinutes.Counts())
    }
  }
}
