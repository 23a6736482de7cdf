internal import CoreMetrics
internal import PrometheusMetrics

/// The metrics that libraries report in this process.
enum LibraryMetrics {
  /// Registered with swift-metrics on first use, which a process can do only once.
  static let registry: MetricRegistry = {
    let registry = MetricRegistry()
    MetricsSystem.bootstrap(registry)
    return registry
  }()
}
