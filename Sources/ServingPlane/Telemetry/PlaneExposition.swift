import HTTPSupport
import PrometheusMetrics
import Telemetry

/// The metrics of a whole plane in the Prometheus text format. Pure.
struct PlaneExposition: Sendable {
  var version = ""
  var endpoints: [ExposedEndpoint] = []
  /// What the ready replicas last reported about themselves.
  var replicas: [ReplicaFigures] = []
  var requests: [PlaneMetrics.Served: RequestFigures] = [:]
  var starts: [String: StartFigures.Counts] = [:]
  var heldBytes = 0
  var connections = 0
  /// Nil if nothing is recorded.
  var telemetry: TelemetryCounters?
  /// Nil if nothing is exported.
  var export: OTLPExporter.Counters?
  var process: ProcessMetrics?

  private typealias Labels = PrometheusText.Labels

  /// - Parameter libraries: the metrics that libraries report.
  func text(_ libraries: MetricRegistry) -> String {
    var text = PrometheusText()
    writeEndpoints(&text)
    writeRequests(&text)
    writeStarts(&text)
    writeTelemetry(&text)
    writeProcess(&text)
    libraries.write(to: &text)
    writeEngines(&text)
    return text.finished
  }

  private static let ofEndpoints = MetricTable<ExposedEndpoint>(families: [
    .init("setpoint_endpoint_ready", .gauge, "1 if the endpoint is ready, otherwise 0.") {
      .flag($0.isReady)
    },
    .init("setpoint_endpoint_sleeping", .gauge, "1 if the endpoint is scaled to zero, otherwise 0.") {
      .flag($0.isSleeping)
    },
    .init(
      "setpoint_endpoint_updating", .gauge, "1 while a config of the endpoint is rolled out, otherwise 0."
    ) { .flag($0.isUpdating) },
    .init("setpoint_queue_waiting_requests", .gauge, "Requests that wait for a replica.") {
      .count($0.waiting)
    },
    .init("setpoint_requests_in_flight", .gauge, "Requests at replicas.") { .count($0.inFlight) },
  ])

  private func writeEndpoints(_ text: inout PrometheusText) {
    Self.ofEndpoints.write(endpoints.map { (Labels(["endpoint": $0.name]), $0) }, to: &text)
    text.begin("setpoint_replicas", .gauge, "Replicas that have not ended, by phase.")
    for endpoint in endpoints {
      let kinds = endpoint.replicas.sorted { ($0.key.version, $0.key.phase) < ($1.key.version, $1.key.phase) }
      for (kind, count) in kinds {
        text.sample(
          Labels(["endpoint": endpoint.name, "version": kind.version, "phase": kind.phase]), count)
      }
    }
    text.begin("setpoint_queue_held_bytes", .gauge, "Size of the bodies of requests that wait.")
    text.sample(Labels(), heldBytes)
    text.begin("setpoint_connections", .gauge, "Open connections of clients.")
    text.sample(Labels(), connections)
  }

  private func writeRequests(_ text: inout PrometheusText) {
    let served = requests.sorted {
      ($0.key.endpoint, $0.key.entity, $0.key.version) < ($1.key.endpoint, $1.key.entity, $1.key.version)
    }.map { (pairs: Self.labels(of: $0.key), figures: $0.value, total: $0.value.total) }
    text.begin("setpoint_requests_total", .counter, "Requests to query routes, by class of their status.")
    for entry in served {
      for (status, count) in entry.figures.statuses.sorted(by: { $0.key < $1.key }) {
        text.sample(Labels(entry.pairs + [(name: "status", value: "\(status)xx")]), count)
      }
    }
    text.begin("setpoint_tokens_total", .counter, "Tokens of requests and responses, as the engine counted them.")
    for entry in served {
      text.sample(Labels(entry.pairs + [(name: "type", value: "input")]), entry.total.inputTokens.sum)
      text.sample(Labels(entry.pairs + [(name: "type", value: "output")]), entry.total.outputTokens.sum)
    }
    Self.times.write(served.map { (Labels($0.pairs), (figures: $0.figures, total: $0.total)) }, to: &text)
  }

  /// Of the requests to one version.
  private static let times = MetricTable<(figures: RequestFigures, total: RequestFigures.Measures)>(families: [
    .init(
      "setpoint_request_duration_seconds", .histogram, "Time from a request's arrival to its last byte."
    ) { .histogram($0.total.duration) },
    .init("setpoint_request_queue_seconds", .histogram, "Time that requests waited for a replica.") {
      .histogram($0.figures.queue)
    },
    .init(
      "setpoint_time_to_first_token_seconds", .histogram,
      "Time from a request's arrival to the first data of its response, if that is a stream."
    ) { .histogram($0.total.firstToken) },
    .init(
      "setpoint_time_per_output_token_seconds", .histogram, "Time for each output token of a stream after the first."
    ) { .histogram($0.total.perToken) },
  ])

  private static func labels(of served: PlaneMetrics.Served) -> [(name: String, value: String)] {
    [
      (name: "endpoint", value: served.endpoint), (name: "entity", value: served.entity),
      (name: "version", value: served.version),
    ]
  }

  private static let ofStarts = MetricTable<StartFigures.Counts>(families: [
    .init(
      "setpoint_replica_start_seconds", .histogram, "Time from the start of a replica to its first token."
    ) { .histogram($0.duration) },
    .init(
      "setpoint_replica_start_failures_total", .counter, "Replicas that ended before they were ready."
    ) { .count($0.failures) },
  ])

  private func writeStarts(_ text: inout PrometheusText) {
    let starts = starts.sorted { $0.key < $1.key }
    Self.ofStarts.write(starts.map { (Labels(["endpoint": $0.key]), $0.value) }, to: &text)
  }

  private func writeTelemetry(_ text: inout PrometheusText) {
    if let telemetry {
      text.begin("setpoint_telemetry_rows_written_total", .counter, "Telemetry rows in the plane's file, by table.")
      for table in TelemetryTable.allCases {
        text.sample(Labels(["table": table.rawValue]), telemetry.written[table] ?? 0)
      }
      text.begin("setpoint_telemetry_rows_dropped_total", .counter, "Telemetry rows that got lost, by table and cause.")
      for table in TelemetryTable.allCases {
        for cause in TelemetryDropCause.allCases {
          guard let count = telemetry.dropped[table]?[cause] else { continue }
          text.sample(Labels(["table": table.rawValue, "cause": cause.rawValue]), count)
        }
      }
      text.begin("setpoint_telemetry_rows_waiting", .gauge, "Telemetry rows that are not written yet.")
      text.sample(Labels(), telemetry.waiting)
    }
    guard let export else { return }
    text.begin("setpoint_otlp_exported_total", .counter, "Records, data points and spans that the receiver took.")
    for signal in OTLPSignal.allCases {
      text.sample(Labels(["signal": signal.rawValue]), export.exported[signal] ?? 0)
    }
    text.begin("setpoint_otlp_dropped_total", .counter, "Records, data points and spans that were not exported.")
    for signal in OTLPSignal.allCases {
      for (cause, count) in (export.dropped[signal] ?? [:]).sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        text.sample(Labels(["signal": signal.rawValue, "cause": cause.rawValue]), count)
      }
    }
  }

  private func writeProcess(_ text: inout PrometheusText) {
    text.begin("setpoint_build_info", .gauge, "The version of Setpoint. Always 1.")
    text.sample(Labels(["version": version]), 1)
    guard let process else { return }
    text.begin("process_resident_memory_bytes", .gauge, "Resident memory size.")
    text.sample(Labels(), process.residentBytes)
    text.begin("process_cpu_seconds_total", .counter, "Total user and system CPU time.")
    text.sample(Labels(), process.processorSeconds)
    if let files = process.openFiles {
      text.begin("process_open_fds", .gauge, "Number of open file descriptors.")
      text.sample(Labels(), files)
    }
    if let files = process.maximumFiles {
      text.begin("process_max_fds", .gauge, "Maximum number of open file descriptors.")
      text.sample(Labels(), files)
    }
  }

  // MARK: The engines' own metrics

  /// A family in all replicas.
  private struct EngineFamily {
    let first: PrometheusFamily
    var samples: [(labels: Labels, value: PrometheusFamily.Value)] = []
  }

  /// Everything that the engines report, with labels for where it is from. Their interpreters and processes are left
  /// out: their names are those of the plane's own process.
  private func writeEngines(_ text: inout PrometheusText) {
    var families: [String: EngineFamily] = [:]
    for replica in replicas {
      let own = Self.labels(of: replica.resource)
      for family in replica.families where Self.isExported(family.name) && !text.contains(family.name) {
        var known = families[family.name] ?? EngineFamily(first: family)
        // A family with two kinds would make the whole text invalid; versions of an engine may differ.
        guard known.first.kind == family.kind else { continue }
        for sample in family.samples {
          known.samples.append((Self.labels(own, sample.labels), sample.value))
        }
        families[family.name] = known
      }
    }
    for (name, family) in families.sorted(by: { $0.key < $1.key }) {
      text.begin(name, Self.kind(family.first.kind), family.first.help)
      for sample in family.samples {
        switch (sample.value, family.first.kind) {
        case (.histogram(let histogram), .histogram): text.sample(sample.labels, histogram)
        case (.number(let number), let kind) where kind != .histogram: text.sample(sample.labels, number)
        default: continue
        }
      }
    }
  }

  private static func isExported(_ name: String) -> Bool {
    !name.hasPrefix("python_") && !name.hasPrefix("process_") && !name.hasPrefix("setpoint_")
  }

  private static func labels(of resource: TelemetryResource) -> [(name: String, value: String)] {
    [
      (name: "endpoint", value: resource.endpoint), (name: "entity", value: resource.entity ?? ""),
      (name: "version", value: resource.modelVersion ?? ""), (name: "replica", value: resource.replica ?? ""),
    ]
  }

  /// A label of the engine with the name of one of ours is renamed, as Prometheus does it.
  private static func labels(_ own: [(name: String, value: String)], _ engine: [String: String]) -> Labels {
    let names = Set(own.map(\.name))
    let others = engine.sorted { $0.key < $1.key }
      .map { (name: names.contains($0.key) ? "exported_" + $0.key : $0.key, value: $0.value) }
    return Labels(own + others)
  }

  private static func kind(_ kind: PrometheusFamily.Kind) -> PrometheusText.Kind {
    switch kind {
    case .counter: .counter
    case .gauge: .gauge
    case .histogram: .histogram
    case .untyped: .untyped
    }
  }
}
