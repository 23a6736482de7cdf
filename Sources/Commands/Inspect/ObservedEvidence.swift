internal import Diagnosis
internal import Endpoints
internal import PrometheusMetrics
internal import ServingAPI
internal import ServingPlane

/// What can be found out about an endpoint with the calls that every provider has.
struct ObservedEvidence: Sendable {
  let endpoint: ObservedEndpoint
  let connection: Connection

  /// The evidence from a workspace: state, deployment messages, logs of deployments that failed, exported metrics.
  func ofWorkspace() async throws -> Evidence {
    var evidence = ofState
    evidence.unknown = [
      "replicas, queues, callers and engine figures: a workspace does not show them to clients; its telemetry tables may "
        + "have them (spec.telemetry)"
    ]
    try await addLogs(to: &evidence)
    try await addMetrics(to: &evidence)
    return evidence
  }

  /// The evidence from a plane that does not have the evidence call.
  func ofEarlierPlane() async throws -> Evidence {
    var evidence = ofState
    evidence.unknown = ["requests, replicas and engine figures: this plane is of an earlier version; update it"]
    try await addLogs(to: &evidence)
    return evidence
  }

  // MARK: State

  private var ofState: Evidence {
    var evidence = Evidence(endpoint: endpoint.name, source: .workspace)
    evidence.isReady = endpoint.readiness == .ready
    evidence.entities =
      entities(of: endpoint.active, isPending: false) + entities(of: endpoint.pending, isPending: true)
    switch endpoint.update {
    case .notUpdating: break
    case .inProgress, .unknown:
      evidence.update = UpdateEvidence(hasFailed: false, version: endpoint.pending?.version)
      let now = CommandContext.current.now()
      evidence.update?.runningFor = endpoint.pending?.startTime.map {
        Duration.milliseconds(min(max(0, now &- $0), 1 << 50))
      }
    case .failed, .canceled:
      evidence.update = UpdateEvidence(hasFailed: true, version: endpoint.pending?.version)
    }
    return evidence
  }

  private func entities(of config: ObservedConfig?, isPending: Bool) -> [EntityEvidence] {
    guard let config else { return [] }
    return config.config.entities.map { entity in
      let deployment = config.deployments[entity.name]
      let isReady = deployment?.state == DeploymentState.ready
      var evidence = EntityEvidence(name: entity.name, model: entity.entityName, version: entity.entityVersion)
      evidence.share = entity.traffic
      evidence.isPending = isPending
      // How many replicas there are is not known.
      evidence.ready = isReady ? 1 : 0
      evidence.state = deployment?.state ?? ""
      evidence.message = deployment?.message ?? ""
      if evidence.state == DeploymentState.creating { evidence.starting = 1 }
      return evidence
    }
  }

  // MARK: Logs

  private static let longestLog = 200_000

  /// Looks for known causes in the messages and logs of deployments that failed.
  private func addLogs(to evidence: inout Evidence) async throws {
    for (index, entity) in evidence.entities.enumerated() where entity.state == DeploymentState.failed {
      var text = entity.message
      do {
        let log = try await connection.provider.logs(endpoint.name, entity: entity.name)
        text = String(log.suffix(Self.longestLog)) + "\n" + text
      } catch let error as ServingError {
        evidence.unknown.append("the logs of \(entity.name): \(error.serverMessage)")
      }
      guard let failure = EngineOutput.failure(in: text) else { continue }
      var found = FailureEvidence(failure.explanation, code: failure.code, line: failure.line)
      found.entity = entity.name
      evidence.entities[index].failure = found
    }
  }

  // MARK: Metrics

  /// The metrics of a workspace are those of the last minute (serving-api.md E15).
  private func addMetrics(to evidence: inout Evidence) async throws {
    let text: String
    do { text = try await connection.provider.exportedMetrics(of: endpoint.name) } catch let error as ServingError {
      evidence.unknown.append("the exported metrics: \(error.serverMessage)")
      return
    }
    let families = PrometheusReader(text).families
    func sum(_ name: String) -> Int? {
      guard let family = families.first(where: { $0.name == name }) else { return nil }
      let values = family.samples.compactMap(\.value.number).filter(\.isFinite)
      return Int(min(max(0, values.reduce(0, +)), 1e12))
    }
    guard let total = sum("request_count_total") else {
      evidence.unknown.append("requests: the exported metrics have no request_count_total")
      return
    }
    let (invalid, failed) = (sum("request_4xx_count_total") ?? 0, sum("request_5xx_count_total") ?? 0)
    var outcomes: [RequestEvidence.Outcome] = []
    if invalid > 0 { outcomes.append(RequestEvidence.Outcome(400, invalid)) }
    if failed > 0 { outcomes.append(RequestEvidence.Outcome(500, failed)) }
    let answered = total - invalid - failed
    if answered > 0 { outcomes.append(RequestEvidence.Outcome(200, answered)) }
    evidence.requests = RequestEvidence(outcomes)
    evidence.window = .seconds(60)
  }
}
