import PrometheusMetrics
import Telemetry

/// What a replica's engine last reported about itself. A figure is nil if the engine does not report it.
struct ReplicaFigures: Hashable, Sendable {
  let resource: TelemetryResource
  /// When it was read, in nanoseconds since 1970.
  let time: Int64
  /// Everything that it reported.
  let families: [PrometheusFamily]

  /// Requests being generated, and requests that wait in the engine.
  let running: Double?
  let waiting: Double?
  /// The part of the KV cache in use, from 0 to 1; the highest if there are several engines.
  let kvCacheUsage: Double?
  /// Counted since the replica's start.
  let preemptionsTotal: Double?
  let promptTokensTotal: Double?
  let generationTokensTotal: Double?
  /// Tokens that were looked up in the prefix cache, and those that were found.
  let prefixCacheQueries: Double?
  let prefixCacheHits: Double?

  init(resource: TelemetryResource, time: Int64, families: [PrometheusFamily]) {
    self.resource = resource
    self.time = time
    self.families = families
    func numbers(_ names: [String]) -> [Double] {
      // The names of one figure in several versions of vLLM.
      guard let family = families.first(where: { names.contains($0.name) }) else { return [] }
      return family.samples.compactMap(\.value.number).filter(\.isFinite)
    }
    // Engines of one replica that share its load report the same figure with their own label.
    func sum(_ names: String...) -> Double? {
      let found = numbers(names)
      return found.isEmpty ? nil : found.reduce(0, +)
    }
    running = sum("vllm:num_requests_running")
    waiting = sum("vllm:num_requests_waiting")
    kvCacheUsage = numbers(["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]).max()
    preemptionsTotal = sum("vllm:num_preemptions_total", "vllm:num_preemptions")
    promptTokensTotal = sum("vllm:prompt_tokens_total", "vllm:prompt_tokens")
    generationTokensTotal = sum("vllm:generation_tokens_total", "vllm:generation_tokens")
    prefixCacheQueries = sum("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total")
    prefixCacheHits = sum("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total")
  }

  /// The rows of all series. Those of the Python interpreter are left out: they say nothing about the model. So are
  /// values that are not numbers, which SQL does not have.
  var rows: [MetricRow] {
    families.filter { !$0.name.hasPrefix("python_") }.flatMap { family in
      family.samples.compactMap { row($0, of: family) }
    }
  }

  private func row(_ sample: PrometheusFamily.Sample, of family: PrometheusFamily) -> MetricRow? {
    let value: MetricRow.Value
    switch sample.value {
    case .number(let number) where number.isFinite:
      value = family.kind == .counter ? .sum(number, isMonotonic: true) : .gauge(number)
    case .histogram(let read) where read.sum.isFinite:
      value = .histogram(count: read.count, sum: read.sum, bounds: read.bounds, counts: read.counts)
    default: return nil
    }
    let start = sample.start.flatMap { Int64(exactly: ($0 * 1e9).rounded()) }
    return MetricRow(
      time: time, startTime: start, name: family.name, description: family.help, unit: Self.unit(of: family.name),
      value: value, attributes: sample.labels, resource: resource)
  }

  /// The unit by the name's ending, in OpenTelemetry's form; empty if the name says none.
  private static func unit(of name: String) -> String {
    let name = name.hasSuffix("_total") ? name.dropLast(6) : name[...]
    if name.hasSuffix("_seconds") { return "s" }
    return name.hasSuffix("_bytes") ? "By" : ""
  }
}
