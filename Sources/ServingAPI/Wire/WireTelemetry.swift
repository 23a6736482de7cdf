package import CanonicalJSON
package import Endpoints

/// `telemetry_config` of an endpoint. Requests contain table names, responses a profile's ID (serving-api.md Q21).
package struct WireTelemetry: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// Creates the object as sent.
  package init(_ settings: TelemetrySettings) {
    self.init()
    let tables = WireTelemetryTables(
      logs: settings.logsTable, metrics: settings.metricsTable, traces: settings.tracesTable)
    if !tables.members.isEmpty { tableNames = tables }
    profileID = settings.profileID
    if let fraction = settings.samplingFraction { sampling = WireSampling(fraction: fraction) }
  }

  package static let fields: [String: WireField] = [
    "table_names": .object(WireTelemetryTables.self), "telemetry_profile_id": .text,
    "inference_table_config": .object(WireSampling.self), "enabled_telemetry_features": .list(.text),
  ]

  package var tableNames: WireTelemetryTables? {
    get { self[object: "table_names"] }
    set { self[object: "table_names"] = newValue }
  }
  package var profileID: String? {
    get { self[text: "telemetry_profile_id"] }
    set { self[text: "telemetry_profile_id"] = newValue }
  }
  package var sampling: WireSampling? {
    get { self[object: "inference_table_config"] }
    set { self[object: "inference_table_config"] = newValue }
  }

  /// The telemetry in a response; nil if there is none.
  package var observed: ObservedTelemetry? {
    let observed = ObservedTelemetry(
      profileID: profileID.flatMap { $0.isEmpty ? nil : $0 }, samplingFraction: sampling?.fraction,
      logsTable: tableNames?.logs.flatMap { $0.isEmpty ? nil : $0 })
    return observed == ObservedTelemetry() ? nil : observed
  }
}

/// The telemetry tables, each as `catalog.schema.table`.
package struct WireTelemetryTables: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(logs: String?, metrics: String?, traces: String?) {
    self.init()
    self[text: "logs_table"] = logs
    self[text: "metrics_table"] = metrics
    self[text: "traces_table"] = traces
  }

  package static let fields: [String: WireField] = [
    "logs_table": .text, "metrics_table": .text, "traces_table": .text, "annotations_table": .text,
  ]

  package var logs: String? { self[text: "logs_table"] }
  package var metrics: String? { self[text: "metrics_table"] }
  package var traces: String? { self[text: "traces_table"] }
}

/// The fraction of requests whose payload is kept.
package struct WireSampling: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(fraction: Double) { self.members = ["sampling_fraction": .double(fraction)] }

  package static let fields: [String: WireField] = ["sampling_fraction": .fraction, "name": .text]

  /// 0 to 1.
  package var fraction: Double? { members["sampling_fraction"]?.doubleValue }
}

/// The body of a telemetry patch (serving-api.md E10): `{}` removes telemetry.
package struct WireTelemetryPatch: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(_ telemetry: WireTelemetry?) {
    self.init()
    self[object: "telemetry_config"] = telemetry
  }

  package static let fields: [String: WireField] = ["telemetry_config": .object(WireTelemetry.self)]

  package var telemetry: WireTelemetry? { self[object: "telemetry_config"] }
}
