internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

extension WorkspaceState {
  /// What an endpoint writes into tables of Unity Catalog (serving-api.md E10).
  struct Telemetry {
    var profile: String
    /// Nil if the config named a profile that somebody else created.
    var logsTable: String?
    var features: JSONValue?
    var samplingFraction: JSONValue?

    /// The profile instead of the table names (serving-api.md Q21); the payload table is named after the logs table.
    func shown(_ behaviors: WorkspaceBehaviors) -> JSONValue {
      var members: [String: JSONValue] = ["telemetry_profile_id": .string(profile)]
      members["enabled_telemetry_features"] = features
      if let samplingFraction {
        members["inference_table_config"] = [
          "sampling_fraction": samplingFraction, "name": .string((logsTable ?? "main.default.telemetry") + "_payload"),
        ]
      }
      if behaviors.echoesLogsTable, let logsTable { members["table_names"] = ["logs_table": .string(logsTable)] }
      return .object(members)
    }
  }

  /// Refused during an update, and if there is nothing to observe. `{}` removes it.
  mutating func patchTelemetry(_ name: String, _ body: JSONValue?) -> WorkspaceResponse {
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard !endpoint.update.isUpdating else {
      return .error(409, "RESOURCE_CONFLICT", "Endpoint '\(name)' is currently updating. Try again once it is done.")
    }
    guard let wanted = body?["telemetry_config"], !wanted.isNull else {
      endpoints[name]?.settings.telemetry = nil
      return response(to: name)
    }
    guard let active = endpoint.active else {
      return .invalid("Telemetry is not supported for endpoint type NO_CONFIG.")
    }
    guard active.config.hasOwnModels else {
      return .invalid("Telemetry is not supported for endpoint type EXTERNAL_MODELS.")
    }
    if let fraction = wanted["inference_table_config"]?["sampling_fraction"]?.doubleValue, !(0...1).contains(fraction) {
      return .invalid("sampling_fraction must be between 0 and 1.")
    }
    // Neither tables nor a profile: accepted, and nothing happens.
    if let telemetry = Telemetry(wanted, after: endpoint.settings.telemetry, id: endpoint.id) {
      endpoints[name]?.settings.telemetry = telemetry
    }
    return response(to: name)
  }
}

extension WorkspaceState.Telemetry {
  /// Nil if the config names neither tables nor a profile. Tables that are named create a new profile.
  init?(_ wanted: JSONValue, after before: Self?, id: String) {
    let logs = wanted["table_names"]?["logs_table"]?.stringValue
    if wanted["table_names"]?.objectValue?.isEmpty == false {
      profile =
        logs == before?.logsTable ? before?.profile ?? "profile-\(id.suffix(4))-1" : Self.next(after: before, id: id)
      logsTable = logs
    } else if let named = wanted["telemetry_profile_id"]?.stringValue, !named.isEmpty {
      profile = named
      logsTable = named == before?.profile ? before?.logsTable : nil
    } else {
      return nil
    }
    features = wanted["enabled_telemetry_features"]
    samplingFraction = wanted["inference_table_config"]?["sampling_fraction"]
  }

  private static func next(after before: Self?, id: String) -> String {
    let number = before?.profile.split(separator: "-").last.flatMap { Int($0) } ?? 0
    return "profile-\(id.suffix(4))-\(number + 1)"
  }
}

extension WorkspaceState.Settings {
  /// A create silently drops telemetry if there is nothing to observe (serving-api.md E10).
  mutating func setTelemetry(
    fromCreate body: JSONValue?, hasOwnModels: Bool, _ behaviors: WorkspaceBehaviors, id: String
  ) {
    guard hasOwnModels else { return }
    if let wanted = body?["telemetry_config"] {
      telemetry = WorkspaceState.Telemetry(wanted, after: nil, id: id)
    } else if behaviors.givesTelemetry {
      telemetry = WorkspaceState.Telemetry(profile: "workspace-default", logsTable: nil)
    }
  }
}
