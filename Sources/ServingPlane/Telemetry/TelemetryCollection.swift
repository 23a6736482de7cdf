import Telemetry

/// Collects from the replicas what they write and what they report, and records it.
struct TelemetryCollection: Sendable {
  let telemetry: PlaneTelemetry
  let views: TelemetryViewChanges
  private let options: TelemetryOptions
  /// Nil if nothing is recorded.
  private let logs: LogCollector?
  private let metrics: MetricsCollector
  /// Forgets what was counted for endpoints and versions that no longer exist.
  private let forget: @Sendable () async -> Void

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
    forget = { [weak endpoints] in
      guard let versions = await endpoints?.countedVersions else { return }
      telemetry.metrics.keep(versions)
      endpoints?.starts.keep(Set(versions.keys))
    }
    metrics = MetricsCollector(
      telemetry: telemetry, probes: probes, timing: settings.timing, replicas: replicas, now: PlaneTelemetry.wallClock)
    guard let store = telemetry.store else {
      logs = nil
      return
    }
    let logs = LogCollector(
      backend: endpoints.backend, store: store,
      export: { [exporter = telemetry.exporter] rows in for row in rows { exporter?.add(.log(row)) } },
      replicas: replicas,
      redaction: { [weak endpoints, secrets = endpoints.secrets] launch in
        await endpoints?.redaction(of: launch) ?? secrets.redaction(of: launch.environment)
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
      group.addTask {
        await Self.repeating(every: options.scrapeEvery) {
          await forget()
          telemetry.exportRequestMetrics()
        }
      }
    }
  }

  /// Collects the last lines of replicas that have ended, and writes everything, in bounded time. To be called while the
  /// store is being written to.
  func finish() async {
    await logs?.collect()
    telemetry.exportRequestMetrics()
    await telemetry.flush(within: Self.patience)
  }

  private static func repeating(every interval: Duration, _ body: @Sendable () async -> Void) async {
    while !Task.isCancelled {
      await body()
      try? await Task.sleep(for: interval)
    }
  }
}
