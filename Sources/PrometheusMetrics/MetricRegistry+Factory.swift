package import CoreMetrics

/// The other side of swift-metrics: what a library counts, sets and records is in the registry.
extension MetricRegistry: MetricsFactory {
  /// For times in seconds: from a local response to a long request.
  private static let secondsBounds = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
  ]
  /// For values of unknown size: powers of ten.
  private static let valueBounds = [0.001, 0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    number(.counter, label, dimensions)
  }

  package func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    number(.counter, label, dimensions)
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    number(.gauge, label, dimensions)
  }

  package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    guard aggregate else { return number(.gauge, label, dimensions) }
    return histogram(label, dimensions, bounds: Self.valueBounds)
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    histogram(label, suffix: "_seconds", dimensions, bounds: Self.secondsBounds)
  }

  package func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
  package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { destroy(handler) }
  package func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
  package func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
  package func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

  private func destroy(_ handler: AnyObject) {
    if let series = handler as? any MetricSeries { remove(series) }
  }
}
