package import CanonicalJSON
internal import Endpoints

extension SavedPlan {
  private static let format: Int64 = 1

  /// The file's contents.
  ///
  /// - Parameter redact: the code to keep in place of an environment value, given variable and value; values that anybody
  ///   may read (``PublicValue``) are kept as they are and not asked for.
  package func json(redact: (_ variable: String, _ value: String) -> String) -> JSONValue {
    [
      "kind": "SavedPlan", "format": .int(Self.format), "target": .string(target), "fleet": .string(fleet),
      "adopt": .bool(adopt), "prune": .bool(prune),
      "changes": .array(
        changes.map { change in
          var members: [String: JSONValue] = [
            "endpoint": .string(change.endpoint), "action": .string(change.action.rawValue), "world": change.world.json,
          ]
          if case .present(let endpoint, let rollout) = change.desired {
            members["desired"] = endpoint.json(redact: redact)
            members["digest"] = .string(rollout.digest.hex)
          }
          return .object(members)
        }),
    ]
  }

  /// Reads what ``json(redact:)`` wrote.
  ///
  /// - Parameter reveal: the environment value of a code, given variable and code; nil where nobody knows it.
  /// - Throws: ``SavedPlanError`` for a file that is damaged or of a newer version, and, naming every variable, when values
  ///   are not known.
  package init(
    json: JSONValue, reveal: (_ variable: String, _ code: String) -> String?
  ) throws(SavedPlanError) {
    guard json["kind"]?.stringValue == "SavedPlan", let format = json["format"]?.intValue else {
      throw SavedPlanError(description: "this is no saved plan; diff --out writes one")
    }
    guard format == Self.format else {
      throw SavedPlanError(
        description: "the saved plan is of form \(format), and this setpoint knows form \(Self.format)")
    }
    guard let target = json["target"]?.stringValue, let fleet = json["fleet"]?.stringValue,
      let adopt = json["adopt"]?.boolValue, let prune = json["prune"]?.boolValue,
      let items = json["changes"]?.arrayValue
    else { throw .damaged("a member is missing") }
    var unknown: Set<String> = []
    var changes: [Change] = []
    for item in items { changes.append(try Change(json: item, unknown: &unknown, reveal: reveal)) }
    guard unknown.isEmpty else {
      throw SavedPlanError(
        description: "the saved plan does not tell the values of \(unknown.sorted().joined(separator: ", ")); "
          + "give the manifests with -f as well, or keep such values as secret references: {{secrets/scope/key}}")
    }
    for (change, item) in zip(changes, items) {
      guard case .present(_, let rollout) = change.desired else { continue }
      guard item["digest"]?.stringValue == rollout.digest.hex else {
        throw .damaged("the config of \(change.endpoint) is not the one that was planned")
      }
    }
    self.init(target: target, fleet: fleet, adopt: adopt, prune: prune, changes: changes)
  }
}

extension SavedPlan.Change {
  fileprivate init(
    json: JSONValue, unknown: inout Set<String>, reveal: (String, String) -> String?
  ) throws(SavedPlanError) {
    guard let name = json["endpoint"]?.stringValue, let world = json["world"].flatMap(Attempt.Base.init(json:)),
      let action = json["action"]?.stringValue.flatMap(PlanAction.init(rawValue:)),
      action == .delete || json["desired"] != nil
    else { throw .damaged("a change is incomplete") }
    let desired: Desired
    if action != .delete, let wanted = json["desired"] {
      desired = .present(try DesiredEndpoint(name: name, json: wanted, unknown: &unknown, reveal: reveal))
    } else {
      desired = .none
    }
    self.init(endpoint: name, action: action, desired: desired, world: world)
  }
}

extension Attempt.Base {
  package var json: JSONValue {
    switch self {
    case .absent: ["absent": true]
    case .present(let id, let version, let lastUpdated, let hadFailed):
      [
        "id": .string(id), "version": version.map { .int($0) } ?? .null, "lastUpdated": .int(lastUpdated),
        "hadFailed": .bool(hadFailed),
      ]
    }
  }

  /// Nil for what ``json`` does not write.
  package init?(json: JSONValue) {
    if json["absent"] == true {
      self = .absent
      return
    }
    guard let id = json["id"]?.stringValue, let lastUpdated = json["lastUpdated"]?.intValue,
      let hadFailed = json["hadFailed"]?.boolValue
    else { return nil }
    self = .present(id: id, version: json["version"]?.intValue, lastUpdated: lastUpdated, hadFailed: hadFailed)
  }
}

extension DesiredEndpoint {
  fileprivate func json(redact: (String, String) -> String) -> JSONValue {
    var members: [String: JSONValue] = [
      "served_entities": .array(config.entities.map { $0.json(redact: redact) }),
      "tags": .object(sideSettings.tags.mapValues { .string($0) }),
      "onFailure": .string(rollout.onFailure.rawValue),
      "checks": .array(rollout.checks.map(\.json)),
      "deletionPolicy": .string(deletionPolicy.rawValue), "suspend": .bool(suspend),
    ]
    if let deadline = rollout.deadline { members["deadlineSeconds"] = .int(deadline.components.seconds) }
    return .object(members)
  }

  fileprivate init(
    name: String, json: JSONValue, unknown: inout Set<String>, reveal: (String, String) -> String?
  ) throws(SavedPlanError) {
    guard let entities = json["served_entities"]?.arrayValue, let tags = json["tags"]?.objectValue,
      let onFailure = json["onFailure"]?.stringValue.flatMap(FailurePolicy.init(rawValue:)),
      let checks = json["checks"]?.arrayValue,
      let deletionPolicy = json["deletionPolicy"]?.stringValue.flatMap(DeletionPolicy.init(rawValue:)),
      let suspend = json["suspend"]?.boolValue
    else { throw .damaged("what \(name) is to be is incomplete") }
    var served: [ServedEntity] = []
    for entity in entities { served.append(try ServedEntity(json: entity, unknown: &unknown, reveal: reveal)) }
    var asked: [VerificationCheck] = []
    for check in checks { asked.append(try VerificationCheck(json: check)) }
    self.init(
      name: name, config: EndpointConfig(entities: served),
      sideSettings: SideSettings(tags: tags.compactMapValues(\.stringValue)),
      rollout: RolloutPolicy(
        deadline: json["deadlineSeconds"]?.intValue.map { .seconds($0) }, onFailure: onFailure, checks: asked),
      deletionPolicy: deletionPolicy, suspend: suspend)
  }
}

extension ServedEntity {
  fileprivate func json(redact: (String, String) -> String) -> JSONValue {
    var members: [String: JSONValue] = [
      "entity_name": .string(entityName), "entity_version": .string(entityVersion),
      "workload_type": .string(workloadType), "scale_to_zero_enabled": .bool(scaleToZero),
      "traffic_percentage": .int(Int64(traffic)),
      "environment_vars": .object(
        Dictionary(
          uniqueKeysWithValues: environment.map { variable, value in
            let isPublic = PublicValue.isPublic(variable: variable, value: value)
            return (
              variable, isPublic ? ["value": .string(value)] : ["code": .string(redact(variable, value))]
            )
          })),
    ]
    if let givenName { members["name"] = .string(givenName) }
    if let workloadSize { members["workload_size"] = .string(workloadSize) }
    return .object(members)
  }

  fileprivate init(
    json: JSONValue, unknown: inout Set<String>, reveal: (String, String) -> String?
  ) throws(SavedPlanError) {
    guard let model = json["entity_name"]?.stringValue, let version = json["entity_version"]?.stringValue,
      let type = json["workload_type"]?.stringValue, let scaleToZero = json["scale_to_zero_enabled"]?.boolValue,
      let traffic = json["traffic_percentage"]?.intValue.flatMap({ Int(exactly: $0) }),
      let variables = json["environment_vars"]?.objectValue
    else { throw .damaged("a served entity is incomplete") }
    var environment: [String: String] = [:]
    for (variable, kept) in variables {
      let value = kept["value"]?.stringValue ?? kept["code"]?.stringValue.flatMap { reveal(variable, $0) }
      if let value { environment[variable] = value } else { unknown.insert(variable) }
    }
    self.init(
      name: json["name"]?.stringValue, entityName: model, entityVersion: version, workloadType: type,
      workloadSize: json["workload_size"]?.stringValue, scaleToZero: scaleToZero, environment: environment,
      traffic: traffic)
  }
}

extension VerificationCheck {
  fileprivate var json: JSONValue {
    [
      "chat": .string(prompt), "status": .int(Int64(expectedStatus)), "contains": .string(contains),
      "withinSeconds": .double(withinSeconds),
    ]
  }

  fileprivate init(json: JSONValue) throws(SavedPlanError) {
    guard let prompt = json["chat"]?.stringValue, let contains = json["contains"]?.stringValue,
      let status = json["status"]?.intValue.flatMap({ Int(exactly: $0) }),
      let seconds = json["withinSeconds"]?.doubleValue
    else { throw .damaged("a check is incomplete") }
    self.init(prompt: prompt, expectedStatus: status, contains: contains, withinSeconds: seconds)
  }
}
