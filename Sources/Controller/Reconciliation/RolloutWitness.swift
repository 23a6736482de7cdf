internal import Endpoints
internal import Planning
internal import ServingAPI
internal import Synchronization

/// Keeps what a rollout shows of itself while it runs, since a provider may show none of it afterwards: the words on its
/// served entities, and the last lines of their logs, read now and then. One for all endpoints of a process.
final class RolloutWitness: Sendable {
  private struct Seen {
    /// When the attempt was opened whose rollout it is.
    let attempt: Timestamp
    /// Of the config that is being rolled out; nil where the provider names none.
    var version: Int64?
    let since: Timestamp
    var evidence = RolloutEvidence()
    var logsReadAt: Timestamp?
    /// Whether the logs were read after it had failed.
    var isComplete = false

    /// An empty log takes the place of none: a server may have thrown away what it showed before.
    mutating func take(_ log: Log, of entity: String) {
      // A plane builds nothing and gives one log for both.
      let build = log.build == log.server ? [] : log.build
      guard !build.isEmpty || !log.server.isEmpty else { return }
      var known = evidence.entities[entity] ?? .init()
      if !build.isEmpty { known.buildLog = build }
      if !log.server.isEmpty { known.serverLog = log.server }
      evidence.entities[entity] = known
    }
  }

  private typealias Log = (build: [String], server: [String])

  private let seen = Mutex<[String: Seen]>([:])

  /// What an entity under way says of itself is no reason why it failed.
  private static let failures: Set<String> = ["DEPLOYMENT_FAILED", "DEPLOYMENT_ABORTED"]

  /// The first reading of logs: a rollout that is over sooner has little to tell.
  private static let patience: Duration = .seconds(20)
  private static let interval: Duration = .seconds(30)

  /// Takes note of an endpoint whose rollout is ours to judge.
  ///
  /// - Parameters:
  ///   - attempt: when the attempt was opened that is judged by it.
  ///   - entities: the names of the served entities that are being rolled out.
  /// - Returns: the endpoint, with the evidence where its rollout has failed.
  func watch(
    _ endpoint: ObservedEndpoint, attempt: Timestamp, entities: [String], provider: any ServingProvider, now: Timestamp
  ) async throws -> ObservedEndpoint {
    let isRunning = endpoint.update.isUpdating
    guard isRunning || endpoint.update == .failed else {
      forget(endpoint.name)
      return endpoint
    }
    if note(endpoint, attempt: attempt, isRunning: isRunning, now: now) {
      let logs = try await Self.logs(of: entities, endpoint.name, provider)
      seen.withLock { seen in
        for (entity, log) in logs { seen[endpoint.name]?.take(log, of: entity) }
      }
    }
    guard !isRunning else { return endpoint }
    var endpoint = endpoint
    endpoint.evidence = seen.withLock { $0[endpoint.name]?.evidence }
    return endpoint
  }

  /// No rollout of the endpoint is to be judged.
  func forget(_ name: String) { seen.withLock { $0[name] = nil } }

  /// Notes the deployments' words, and says whether the logs are to be read now.
  private func note(_ endpoint: ObservedEndpoint, attempt: Timestamp, isRunning: Bool, now: Timestamp) -> Bool {
    seen.withLock { seen in
      let version = endpoint.pending?.version
      var record = seen[endpoint.name] ?? Seen(attempt: attempt, version: version, since: now)
      // What was seen of another rollout says nothing of this one.
      if record.attempt != attempt || version != nil && version != record.version {
        record = Seen(attempt: attempt, version: version, since: now)
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
      seen[endpoint.name] = record
      return isDue
    }
  }

  private static func logs(
    of entities: [String], _ endpoint: String, _ provider: any ServingProvider
  ) async throws -> [(String, Log)] {
    var logs: [(String, Log)] = []
    for entity in entities {
      let build = try await tail { try await provider.buildLogs(endpoint, entity: entity) }
      let server = try await tail { try await provider.logs(endpoint, entity: entity) }
      logs.append((entity, (build, server)))
    }
    return logs
  }

  /// Lines enough to see what happened, and few enough to read.
  private static let lines = 20
  private static let longestLine = 500

  /// The end of a log. One that cannot be read is no failure: it is asked for only to help.
  private static func tail(of read: () async throws -> String) async throws -> [String] {
    do {
      // Secrets are out of it before a line is cut: no part of one may stay.
      return try await read().split(whereSeparator: \.isNewline).suffix(lines).map { String($0.prefix(longestLine)) }
    } catch is ServingError {
      return []
    }
  }
}
