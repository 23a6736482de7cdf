import PrometheusMetrics

/// Reads what the engines of the ready replicas report about themselves.
struct MetricsCollector: Sendable {
  let telemetry: PlaneTelemetry
  let probes: ReplicaProbes
  let timing: ReplicaTiming
  /// The replicas on record.
  let replicas: @Sendable () async -> [CollectedReplica]
  /// Nanoseconds since 1970.
  let now: @Sendable () -> Int64

  /// How long a response may take at most. An engine answers in milliseconds, and under load in a second.
  private static let patience: Duration = .seconds(5)

  private struct Reading: Sendable {
    /// The endpoint's ID.
    let endpoint: String
    let figures: ReplicaFigures
  }

  /// Reads every ready replica once. They do not wait for each other.
  func collect() async {
    let ready = await replicas().filter(\.isReady)
    let figures: [String: [ReplicaFigures]] = await withTaskGroup(of: Reading?.self) { group in
      for replica in ready { group.addTask { await read(replica) } }
      var figures: [String: [ReplicaFigures]] = [:]
      for await reading in group {
        guard let reading else { continue }
        figures[reading.endpoint, default: []].append(reading.figures)
      }
      return figures
    }
    guard !Task.isCancelled else { return }
    telemetry.note(figures)
  }

  /// Nil if it does not answer in time, or with something else. Whether it still works is for others to decide.
  private func read(_ replica: CollectedReplica) async -> Reading? {
    var timing = timing
    timing.probeTimeout = min(timing.probeTimeout, Self.patience)
    guard let text = await probes.probe(replica.record.address, timing: timing).exposition() else { return nil }
    // Tens of thousands of bytes: not on the threads that all requests share.
    let time = now()
    return await BlockingWork.brief.run { () -> Reading? in
      let families = PrometheusReader(String(decoding: text, as: UTF8.self)).families
      guard !families.isEmpty else { return nil }
      return Reading(
        endpoint: replica.record.endpoint,
        figures: ReplicaFigures(resource: replica.resource, time: time, families: families))
    }
  }
}
