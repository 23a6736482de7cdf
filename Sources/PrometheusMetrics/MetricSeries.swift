internal import CoreMetrics
internal import Synchronization

/// One series of a ``MetricRegistry``: the values with the same name and labels.
protocol MetricSeries: AnyObject, Sendable {
  /// Writes the current value.
  func write(_ labels: PrometheusText.Labels, to text: inout PrometheusText)
}

/// A series whose value is a number: a counter or a gauge.
final class NumberSeries: MetricSeries {
  private let value = Mutex(0.0)

  func write(_ labels: PrometheusText.Labels, to text: inout PrometheusText) {
    text.sample(labels, value.withLock { $0 })
  }

  /// Adds an amount. Invalid ones are ignored: a counter never decreases.
  private func add(_ amount: Double, sign: Double) {
    guard amount.isFinite, amount > 0 else { return }
    value.withLock { $0 += sign * amount }
  }

  private func replace(_ new: Double) { value.withLock { $0 = new } }
}

extension NumberSeries: CounterHandler, FloatingPointCounterHandler {
  func increment(by amount: Int64) { add(Double(amount), sign: 1) }
  func increment(by amount: Double) { add(amount, sign: 1) }
  func reset() { replace(0) }
}

extension NumberSeries: MeterHandler, RecorderHandler {
  func decrement(by amount: Double) { add(amount, sign: -1) }
  func set(_ value: Int64) { replace(Double(value)) }
  func set(_ value: Double) { replace(value) }
  func record(_ value: Int64) { replace(Double(value)) }
  func record(_ value: Double) { replace(value) }
}

/// A series whose value is a histogram.
final class HistogramSeries: MetricSeries {
  private let histogram: Mutex<Histogram>

  init(_ bounds: [Double]) { histogram = Mutex(Histogram(bounds)) }

  func write(_ labels: PrometheusText.Labels, to text: inout PrometheusText) {
    text.sample(labels, histogram.withLock { $0 })
  }
}

extension HistogramSeries: RecorderHandler, TimerHandler {
  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) {
    // It would make the sum useless from then on.
    guard value.isFinite else { return }
    histogram.withLock { $0.observe(value) }
  }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
