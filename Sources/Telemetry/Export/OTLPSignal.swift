/// A kind of telemetry in OTLP, by its name in addresses.
package enum OTLPSignal: String, Hashable, Sendable, CaseIterable {
  case logs, metrics, traces

  /// The kind that a table's rows are exported as; nil if they are not.
  package init?(_ table: TelemetryTable) {
    switch table {
    case .logs: self = .logs
    case .metrics: self = .metrics
    case .spans: self = .traces
    // A request is exported as spans and metrics. Bodies never leave the plane.
    case .requests, .payloads: return nil
    }
  }
}
