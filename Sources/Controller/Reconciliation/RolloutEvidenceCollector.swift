internal import Endpoints
internal import Planning
internal import ServingAPI
internal import Synchronization

/// Keeps evidence of a rollout while it runs, since a provider may show none afterwards: the messages of its served
/// entities, and the last lines of their logs, read at intervals. One instance serves all endpoints of a process.
final class RolloutEvidenceCollector: Sendable {
  private struct RolloutRecord {
    /// When the attempt of this rollout was opened.
    let attempt: Timestamp
    /// The version of the config that is being rolled out; nil if the provider does not name it.
    var version: Int64?
    let since: Timestamp
    var evidence = RolloutEvidence()
    var logsReadAt: Timestamp?
    /// Whether the logs were read after it had failed.
    var isComplete = false

    /// An empty log does not replace an earlier one: a server may have discarded what it showed before.
    mutating func take(_ log: Log, of entity: String) {
      // A plane builds nothing and returns the same log for both.
      let build = log.build == log.server ? [] : log.build
      guard !build.isEmpty || !log.server.isEmpty else { return }
      var known = evidence.entities[entity] ?? .init()
      if !build.isEmpty { known.buildLog = build }
      if !log.server.isEmpty { known.serverLog = log.server }
      evidence.entities[entity] = known
    }
  }

  private typealias Log = (build: [String], server: [String])

  private let records = Mutex<[String: RolloutRecord]>([:])

  /// The message of an entity in progress is not the cause of a failure.
  private static let failures: Set<String> = ["DEPLOYMENT_FAILED", "DEPLOYMENT_ABORTED"]

  /// The delay of the first read of logs: a rollout that ends sooner has little to show.
  private static let patience: Duration = .seconds(20)
  private static let interval: Duration = .seconds(30)

  /// Watches an endpoint whose rollout has to be judged.
  ///
  /// - Parameters:
  ///   - attempt: when the attempt that it judges was opened.
  ///   - entities: the names of the served entities that are being rolled out.
  /// - Returns: the endpoint, with the evidence if its rollout failed.
  func watch(
    _ endpoint: ObservedEndpoint, attempt: Timestamp, entities: [String], provider: any ServingProvider, now: Timestamp
  ) async throws -> ObservedEndpoint {
    let isRunning = endpoint.update.isUpdating
    guard isRunning || endpoint.update == .failed else {
      forget(endpoint.name)
      return endpoint
    }
    if note(endpoint, attempt: attempt, isRunning: isRunning, now: now) {
      // While an entity of that name serves, its server log is the log of what serves.
      let serving = Set(endpoint.active?.config.entities.map(\.name) ?? [])
      let logs = try await Self.logs(of: entities, serving: serving, endpoint.name, provider)
      records.withLock { records in
        for (entity, log) in logs { records[endpoint.name]?.take(log, of: entity) }
      }
    }
    guard !isRunning else { return endpoint }
    var endpoint = endpoint
    endpoint.evidence = records.withLock { $0[endpoint.name]?.evidence }
    return endpoint
  }

  /// Forgets an endpoint without a rollout to judge.
  func forget(_ name: String) { records.withLock { $0[name] = nil } }

  /// Records the messages of the deployments; returns whether the logs are due to be read.
  private func note(_ endpoint: ObservedEndpoint, attempt: Timestamp, isRunning: Bool, now: Timestamp) -> Bool {
    records.withLock { records in
      let version = endpoint.pending?.version
      var record = records[endpoint.name] ?? RolloutRecord(attempt: attempt, version: version, since: now)
      // Evidence of another rollout says nothing about this one.
      if record.attempt != attempt || version != nil && version != record.version {
        record = RolloutRecord(attempt: attempt, version: version, since: now)
      }
      for (entity, deployment) in endpoint.pending?.deployments ?? [:]
      where !deployment.message.isEmpty && Self.failures.contains(deployment.state) {
        record.evidence.entities[entity, default: .init()].message = deployment.message
      }
      let isDue =
        isRunning
        ? now >= record.since + Self.patience && record.logsReadAt.map { now >= $0 + Self.interval } ?? true
        : !record.isComplete
      if isDue { record.logsReadAt = now }
      record.isComplete = !isRunning
      records[endpoint.name] = record
      return isDue
    }
  }

  private static func logs(
    of entities: [String], serving: Set<String>, _ endpoint: String, _ provider: any ServingProvider
  ) async throws -> [(String, Log)] {
    var logs: [(String, Log)] = []
    for entity in entities {
      let build = try await tail { try await provider.buildLogs(endpoint, entity: entity) }
      let server =
        serving.contains(entity) ? [] : try await tail { try await provider.logs(endpoint, entity: entity) }
      logs.append((entity, (build, server)))
    }
    return logs
  }

  /// Enough lines to see what happened, and few enough to read.
  private static let lines = 20
  private static let longestLine = 500

  /// Returns the end of a log. A log that cannot be read is not a failure: it is only read for diagnosis.
  private static func tail(of read: () async throws -> String) async throws -> [String] {
    do {
      // Secrets are removed before a line is cut, so that no part of one remains.
      return try await read().split(whereSeparator: \.isNewline).suffix(lines).map { String($0.prefix(longestLine)) }
    } catch is ServingError {
      return []
    }
  }
}
