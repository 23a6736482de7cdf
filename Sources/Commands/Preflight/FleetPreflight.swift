internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import Planning
internal import ServingAPI

/// The preflight of a whole plan.
struct FleetPreflight: Sendable {
  let preflight: Preflight
  let pass: FleetPlan

  private func decision(_ item: PlanItem) -> Decision {
    decide(
      desired: item.desired, observed: item.observed, memory: item.memory, now: FleetPlan.now,
      options: pass.reconciler.options)
  }

  /// By endpoint, what was found; endpoints to which no config is sent are not in it.
  func findings() async throws -> [String: [PreflightFinding]] {
    let found = try await mapConcurrently(pass.items, limit: 16) { item in
      (item.name, try await preflight.findings(item, decision(item)))
    }
    return Dictionary(found.filter { !$0.1.isEmpty }, uniquingKeysWith: { one, _ in one })
  }

  /// Checks one endpoint before it is walked; what a person should know is said, and a wait is shown as progress.
  ///
  /// - Returns: how its walk ends before it began; nil: it may begin.
  func admission(
    _ name: String, limits: ConvergenceLimits, display: ProgressDisplay, surroundings: Surroundings
  ) async -> ConvergenceResult.Ending? {
    guard let item = pass.items.first(where: { $0.name == name }) else { return nil }
    let now = surroundings.now
    return await preflight.admission(
      item, decision(item), limits: limits, now: { Timestamp(milliseconds: now()) }, sleep: surroundings.timing.sleep
    ) { event in
      switch event {
      case .found(let finding):
        // What passed, what nobody tells and what is waited for needs no line; a refusal stands in the result.
        guard finding.outcome == .warning || finding.outcome == .notChecked else { return }
        display.say("\(name): preflight: \(Self.line(finding))")
      case .waiting(let words):
        display.note(EndpointProgress(endpoint: name, phase: .waiting, state: "preflight", detail: "waiting: \(words)"))
      }
    }
  }

  static func line(_ finding: PreflightFinding) -> String {
    "\(finding.rule.rawValue): \(finding.outcome.rawValue): \(finding.words)"
  }

  /// A plan's JSON with what was found for each of its changes.
  static func added(_ findings: [String: [PreflightFinding]], to json: JSONValue) -> JSONValue {
    guard var members = json.objectValue, let changes = members["changes"]?.arrayValue else { return json }
    members["changes"] = .array(
      changes.map { change in
        guard var checked = change.objectValue, let name = checked["endpoint"]?.stringValue, let found = findings[name]
        else { return change }
        checked["preflight"] = .array(
          found.map {
            [
              "check": .string($0.rule.rawValue), "outcome": .string($0.outcome.rawValue), "words": .string($0.words),
            ]
          })
        return .object(checked)
      })
    return .object(members)
  }
}

extension Connection {
  /// The preflight at this provider.
  ///
  /// - Parameter site: the workspace; nil: a plane.
  func preflight(_ reconciler: Reconciler, rules: RuleBook, on site: WorkspaceSite?) async throws -> Preflight {
    let (client, provider) = (client, provider)
    // One question for the whole fleet, and none to a plane, which does not tell.
    let caller = site == nil ? .success(nil) : try await Self.caller(client)
    return Preflight(
      Preflight.Sources(
        servable: reconciler.servable,
        facts: { entity in try await ModelFacts(of: entity, asking: client) },
        permission: { name in try await provider.details(name).permissionLevel },
        caller: { try caller.get() }),
      rules: rules, on: site)
  }

  /// Whose token it is: a user's name, or a service principal's application id. Nil where the answer does not say.
  ///
  /// - Throws: `CancellationError` alone.
  private static func caller(_ client: ServingClient) async throws -> Result<String?, any Error> {
    do {
      return .success(try await client.json(APICall("GET", "/api/2.0/preview/scim/v2/Me"))["userName"]?.stringValue)
    } catch let error as ServingError {
      return .failure(error)
    }
  }
}

extension ModelFacts {
  /// What Unity Catalog tells of a version. It counts no files: people and MLflow write the size beside the version.
  fileprivate init(of entity: ServedEntity, asking client: ServingClient) async throws {
    let call = APICall(
      "GET", "/api/2.1/unity-catalog/models/\(entity.entityName)/versions/\(entity.entityVersion)")
    let version = try await client.object(call, as: WireModelVersion.self)
    var tags: [String: String] = [:]
    for list in ["tags", "params"] {
      for tag in version.members[list]?.arrayValue ?? [] {
        guard let key = tag["key"]?.stringValue, let value = tag["value"]?.stringValue else { continue }
        tags[key] = value
      }
    }
    self.init(
      tags: tags, artifactBytes: version.members["model_size_bytes"]?.intValue, task: version.task,
      entrypoint: version.entrypoint)
  }
}
