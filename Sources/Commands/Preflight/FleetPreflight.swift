internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import Planning
internal import ServingAPI

/// The preflight checks of a whole plan.
struct FleetPreflight: Sendable {
  let preflight: Preflight
  let items: [PlanItem]
  let options: DecisionOptions

  private func decision(_ item: PlanItem) -> Decision { item.decided(FleetPlan.now, options).decision }

  /// Returns the findings by endpoint; endpoints to which no config is sent are not included.
  func findings() async throws -> [String: [PreflightFinding]] {
    let found = try await mapConcurrently(items, limit: 16) { item in
      (item.name, try await preflight.findings(item, decision(item)))
    }
    return Dictionary(found.filter { !$0.1.isEmpty }, uniquingKeysWith: { one, _ in one })
  }

  /// Checks one endpoint before it is changed; prints what the user should know, and shows a wait as progress.
  ///
  /// - Returns: the outcome if the endpoint must not be changed; nil: it may be.
  func admission(
    _ name: String, limits: ConvergenceLimits, display: ProgressDisplay, context: CommandContext
  ) async -> ConvergenceResult.Ending? {
    guard let item = items.first(where: { $0.name == name }) else { return nil }
    let now = context.now
    return await preflight.admission(
      item, decision(item), limits: limits, now: { Timestamp(milliseconds: now()) }, sleep: context.timing.sleep
    ) { event in
      switch event {
      case .found(let finding):
        // Checks that passed, are unknown or are still waited for need no line; a refusal is part of the result.
        guard finding.outcome == .warning || finding.outcome == .notChecked else { return }
        display.say("\(name): preflight: \(Self.line(finding))")
      case .waiting(let words):
        display.note(EndpointProgress(endpoint: name, phase: .waiting, state: "preflight", detail: "waiting: \(words)"))
      }
    }
  }

  static func line(_ finding: PreflightFinding) -> String {
    "\(finding.rule.rawValue): \(finding.outcome.rawValue): \(finding.message)"
  }

  /// Returns a plan's JSON with the findings for each of its changes.
  static func added(_ findings: [String: [PreflightFinding]], to json: JSONValue) -> JSONValue {
    guard var members = json.objectValue, let changes = members["changes"]?.arrayValue else { return json }
    members["changes"] = .array(
      changes.map { change in
        guard var checked = change.objectValue, let name = checked["endpoint"]?.stringValue, let found = findings[name]
        else { return change }
        checked["preflight"] = .array(
          found.map {
            [
              "check": .string($0.rule.rawValue), "outcome": .string($0.outcome.rawValue),
              "message": .string($0.message),
            ]
          })
        return .object(checked)
      })
    return .object(members)
  }
}

extension Connection {
  /// Creates the preflight checks for this provider.
  ///
  /// - Parameter site: the workspace; nil: a plane.
  func preflight(_ reconciler: Reconciler, rules: RuleBook, on site: WorkspaceSite?) async throws -> Preflight {
    // One query for the whole fleet; none to a plane, which does not report it.
    let caller = site == nil ? .success(nil) : try await Self.caller(client)
    let isPlane = site == nil ? await client.isPlane() : false
    return preflight(reconciler, rules: rules, on: site, isPlane: { isPlane }, caller: { try caller.get() })
  }

  /// Creates the preflight checks of a controller, whose credentials may change while it runs.
  func continuousPreflight(_ reconciler: Reconciler, rules: RuleBook, on site: WorkspaceSite?) -> Preflight {
    preflight(
      reconciler, rules: rules, on: site, isPlane: { [client] in await client.isPlane() },
      caller: { [client] in try await Self.caller(client).get() })
  }

  private func preflight(
    _ reconciler: Reconciler, rules: RuleBook, on site: WorkspaceSite?, isPlane: @escaping @Sendable () async -> Bool,
    caller: @escaping @Sendable () async throws -> String?
  ) -> Preflight {
    let (client, provider) = (client, provider)
    return Preflight(
      Preflight.Sources(
        servable: reconciler.servable,
        facts: { entity in try await ModelFacts(of: entity, asking: client) },
        permission: { name in try await provider.details(name).permissionLevel },
        caller: caller,
        forecast: { name, config in
          guard await isPlane() else { return nil }
          return try await provider.forecast(name, config: config)
        }),
      rules: rules, on: site)
  }

  /// Returns the token's owner: a user's name, or a service principal's application ID. Nil if the response does not
  /// say.
  ///
  /// - Throws: only `CancellationError`.
  private static func caller(_ client: ServingClient) async throws -> Result<String?, any Error> {
    do {
      return .success(try await client.json(APICall("GET", "/api/2.0/preview/scim/v2/Me"))["userName"]?.stringValue)
    } catch let error as ServingError {
      return .failure(error)
    }
  }
}

extension ModelFacts {
  /// Queries Unity Catalog for a version. It does not measure files; users and MLflow record the size with the version.
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
