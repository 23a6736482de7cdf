package import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning

/// Why a file is not a saved plan that can be applied.
package struct SavedPlanError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// The file is JSON, but not a saved plan.
  package static let otherKind = SavedPlanError(description: "it is not a saved plan")
}

extension SavedPlan {
  /// The format version; increased when an older Setpoint would misread a newer plan.
  private static let form: Int64 = 2

  /// The file's content.
  package var json: JSONValue {
    [
      "kind": "SavedPlan", "form": .int(Self.form), "target": .string(target), "fleet": .string(fleet),
      "adopt": .bool(adopt), "prune": .bool(prune), "allowRecreate": .bool(allowRecreate),
      "endpoints": .array(entries.map(\.json)),
    ]
  }

  /// Reads the output of ``json``.
  package init(json: JSONValue) throws(SavedPlanError) {
    guard json["kind"] == "SavedPlan" else {
      throw SavedPlanError.otherKind
    }
    guard json["form"]?.intValue == Self.form else {
      throw SavedPlanError(description: "it was written by another version of Setpoint; create the plan again")
    }
    guard let target = json["target"]?.stringValue, let fleet = json["fleet"]?.stringValue,
      let adopt = json["adopt"]?.boolValue, let prune = json["prune"]?.boolValue,
      let allowRecreate = json["allowRecreate"]?.boolValue, let endpoints = json["endpoints"]?.arrayValue
    else { throw SavedPlanError.damaged }
    self.init(
      target: target, fleet: fleet, adopt: adopt, prune: prune, allowRecreate: allowRecreate,
      entries: try endpoints.map(Entry.init(json:)))
  }

  private init(target: String, fleet: String, adopt: Bool, prune: Bool, allowRecreate: Bool, entries: [Entry]) {
    self.target = target
    self.fleet = fleet
    self.adopt = adopt
    self.prune = prune
    self.allowRecreate = allowRecreate
    self.entries = entries
  }
}

extension SavedPlanError {
  fileprivate static let damaged = SavedPlanError(description: "the plan is damaged; create it again")
}

extension SavedPlan.Entry {
  fileprivate var json: JSONValue {
    var members: [String: JSONValue] = ["name": .string(name), "action": .string(action.rawValue)]
    if case .present(let id, let version, let lastUpdated, let hadFailed) = base {
      var seen: [String: JSONValue] = [
        "id": .string(id), "lastUpdated": .int(lastUpdated), "hadFailed": .bool(hadFailed),
      ]
      if let version { seen["version"] = .int(version) }
      members["world"] = .object(seen)
    }
    if let savedEndpoint { members["desired"] = savedEndpoint.json }
    return .object(members)
  }

  fileprivate init(json: JSONValue) throws(SavedPlanError) {
    guard let name = json["name"]?.stringValue,
      let action = json["action"]?.stringValue.flatMap(PlanAction.init(rawValue:))
    else { throw .damaged }
    var base = Attempt.Base.absent
    if let seen = json["world"] {
      guard let id = seen["id"]?.stringValue, let lastUpdated = seen["lastUpdated"]?.intValue,
        let hadFailed = seen["hadFailed"]?.boolValue
      else { throw .damaged }
      base = .present(
        id: id, version: seen["version"]?.intValue, lastUpdated: lastUpdated, hadFailed: hadFailed)
    }
    var savedEndpoint: SavedEndpoint?
    if let desired = json["desired"] { savedEndpoint = try SavedEndpoint(json: desired, name: name) }
    self.init(name: name, action: action, base: base, savedEndpoint: savedEndpoint)
  }
}

extension SavedEndpoint {
  fileprivate var json: JSONValue {
    var members: [String: JSONValue] = [
      "config": config.json,
      "onFailure": .string(endpoint.rollout.onFailure.rawValue),
      "deletionPolicy": .string(endpoint.deletionPolicy.rawValue),
      "aliases": .object(endpoint.resolvedAliases.mapValues { .string($0) }),
      "verify": .array(
        endpoint.rollout.checks.map { check in
          [
            "chat": .string(check.prompt), "status": .int(Int64(check.expectedStatus)),
            "contains": .string(check.contains), "withinSeconds": .double(check.withinSeconds),
          ]
        }),
    ]
    if !endpoint.rollout.steps.isEmpty {
      members["steps"] = .array(
        endpoint.rollout.steps.map {
          ["traffic": .int(Int64($0.traffic)), "seconds": .int($0.hold.components.seconds)]
        })
    }
    if endpoint.rollout.keepPrevious { members["keepPrevious"] = true }
    members.merge(endpoint.sideSettings.planMembers) { $1 }
    if let deadline = endpoint.rollout.deadline { members["deadlineSeconds"] = .int(deadline.components.seconds) }
    return .object(members)
  }

  fileprivate init(json: JSONValue, name: String) throws(SavedPlanError) {
    guard let configJSON = json["config"], let config = try? ConfigSnapshot(json: configJSON),
      let onFailure = json["onFailure"]?.stringValue.flatMap(FailurePolicy.init(rawValue:)),
      let policy = json["deletionPolicy"]?.stringValue.flatMap(DeletionPolicy.init(rawValue:)),
      let checks = json["verify"]?.arrayValue, let settings = SideSettings(planMembers: json)
    else { throw .damaged }
    let rollout = RolloutPolicy(
      deadline: json["deadlineSeconds"]?.intValue.map { .seconds($0) }, onFailure: onFailure,
      checks: try checks.map(VerificationCheck.init(json:)),
      steps: try (json["steps"]?.arrayValue ?? []).map(RolloutStep.init(json:)),
      keepPrevious: json["keepPrevious"]?.boolValue ?? false)
    self.init(
      endpoint: DesiredEndpoint(
        name: name, config: config.outline,
        sideSettings: settings,
        rollout: rollout, deletionPolicy: policy,
        resolvedAliases: (json["aliases"]?.objectValue ?? [:]).compactMapValues(\.stringValue)),
      config: config)
  }
}

extension RolloutStep {
  fileprivate init(json: JSONValue) throws(SavedPlanError) {
    guard let traffic = json["traffic"]?.intValue, let seconds = json["seconds"]?.intValue else { throw .damaged }
    self.init(traffic: Int(clamping: traffic), hold: .seconds(seconds))
  }
}

extension VerificationCheck {
  fileprivate init(json: JSONValue) throws(SavedPlanError) {
    guard let prompt = json["chat"]?.stringValue, let status = json["status"]?.intValue,
      let contains = json["contains"]?.stringValue, let within = json["withinSeconds"]?.doubleValue
    else { throw .damaged }
    self.init(
      prompt: prompt, expectedStatus: Int(clamping: status), contains: contains, withinSeconds: within)
  }
}
