import Telemetry

/// Collects from the replicas what they write and what they report, and records it.
struct TelemetryCollection: Sendable {
  let telemetry: PlaneTelemetry
  let views: TelemetryViewChanges
  private let options: TelemetryOptions
  /// Nil if nothing is recorded.
  private let logs: LogCollector?
  private let metrics: MetricsCollector

  /// How long a plane that ends waits for its telemetry to be written.
  private static let patience: Duration = .seconds(2)

  init(
    _ telemetry: PlaneTelemetry, of endpoints: ServingEndpoints, views: TelemetryViewChanges, probes: ReplicaProbes,
    settings: PlaneConfiguration
  ) async {
    self.telemetry = telemetry
    self.views = views
    options = settings.telemetry
    let replicas: @Sendable () async -> [CollectedReplica] = { [weak endpoints] in
      await endpoints?.collectedReplicas ?? []
    }
    metrics = MetricsCollector(
      telemetry: telemetry, probes: probes, timing: settings.timing, replicas: replicas, now: PlaneTelemetry.wallClock)
    guard let store = telemetry.store else {
      logs = nil
      return
    }
    let logs = LogCollector(
      backend: endpoints.backend, store: store, replicas: replicas,
      redaction: { [secrets = endpoints.secrets] launch in
        await BlockingWork.brief.run { secrets.redaction(of: launch.environment) }
      }, now: PlaneTelemetry.wallClock)
    self.logs = logs
    await endpoints.beforeRemoval { await logs.finish($0) }
  }

  /// Collects until the task is canceled.
  func run() async {
    await withDiscardingTaskGroup { group in
      if let logs {
        group.addTask { await Self.repeating(every: options.collectEvery) { await logs.collect() } }
      }
      // Also if nothing is recorded: the last figures are shown.
      group.addTask { await Self.repeating(every: options.scrapeEvery) { await metrics.collect() } }
    }
  }

  /// Collects the last lines of replicas that have ended, and writes everything, in bounded time. To be called while the
  /// store is being written to.
  func finish() async {
    await logs?.collect()
    await telemetry.flush(within: Self.patience)
  }

  private static func repeating(every interval: Duration, _ body: @Sendable () async -> Void) async {
    while !Task.isCancelled {
      await body()
      try? await Task.sleep(for: interval)
    }
  }
}
