internal import CanonicalJSON
internal import ServingAPI

/// The same registered models in the form of an MLflow server (serving-api.md 1.5): versions are strings here, and a
/// missing alias is a bad request.
extension WorkspaceState {
  mutating func mlflow(_ method: String, _ parts: [String], query: [String: String]) -> WorkspaceResponse {
    let name = query["name"] ?? ""
    switch (method, parts.joined(separator: "/")) {
    case ("GET", "registered-models/get"):
      return models[name].map { WorkspaceResponse(json: ["registered_model": registered(name, $0)]) }
        ?? missingModel(name)
    case ("GET", "databricks/registered-models/get"):
      guard let model = models[name] else { return missingModel(name) }
      // The registry of a workspace has no aliases.
      var databricks = registered(name, model).objectValue ?? [:]
      databricks["aliases"] = nil
      databricks["id"] = .string("registered-\(name)")
      databricks["permission_level"] = "CAN_MANAGE"
      return WorkspaceResponse(json: ["registered_model_databricks": .object(databricks)])
    case ("GET", "registered-models/alias"):
      guard let model = models[name] else { return missingModel(name) }
      guard let number = model.aliases[query["alias"] ?? ""] else {
        return .invalid("Registered model alias \(query["alias"] ?? "") not found.")
      }
      return version(name, number)
    case ("GET", "model-versions/get"):
      guard models[name] != nil else { return missingModel(name) }
      return version(name, Int64(query["version"] ?? ""))
    case ("GET", "model-versions/search"): return search(query)
    default: return .error(404, "ENDPOINT_NOT_FOUND", "No API found for '\(method) \(parts.joined(separator: "/"))'")
    }
  }

  private func registered(_ name: String, _ model: Model) -> JSONValue {
    let aliases = model.aliases.sorted { $0.key < $1.key }.map { alias -> JSONValue in
      ["alias": .string(alias.key), "version": .string(String(alias.value))]
    }
    return ["name": .string(name), "creation_timestamp": 1_767_225_600_000, "aliases": .array(aliases)]
  }

  private mutating func version(_ name: String, _ number: Int64?) -> WorkspaceResponse {
    guard let number, let status = status(of: number, in: name), let model = models[name] else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Model Version (name=\(name)) not found")
    }
    return WorkspaceResponse(json: ["model_version": shown(name, number, model, status)])
  }

  private func shown(_ name: String, _ number: Int64, _ model: Model, _ status: ModelVersionStatus) -> JSONValue {
    let aliases = model.aliases.filter { $0.value == number }.keys.sorted()
    let tags = model.tags[number, default: [:]].sorted { $0.key < $1.key }
    return [
      "name": .string(name), "version": .string(String(number)), "status": .string(status.word),
      "current_stage": "None", "run_id": .string("run-\(number)"), "source": .string("runs:/run-\(number)/model"),
      "aliases": .array(aliases.map { .string($0) }),
      "tags": .array(tags.map { ["key": .string($0.key), "value": .string($0.value)] }),
    ]
  }

  /// Two per page, unordered; the filter is `name='…'`.
  private func search(_ query: [String: String]) -> WorkspaceResponse {
    let parts = (query["filter"] ?? "").split(separator: "'", omittingEmptySubsequences: false).map(String.init)
    let name = parts.count == 3 ? parts[1] : ""
    guard let model = models[name] else { return WorkspaceResponse(json: ["model_versions": []]) }
    let numbers = model.versions.keys.sorted { ($0 &* 40503 % 127, $0) < ($1 &* 40503 % 127, $1) }
    let start = query["page_token"].flatMap { Int($0) } ?? 0
    let page = numbers.dropFirst(start).prefix(2).map { number in
      shown(name, number, model, model.versions[number] ?? .unknown(""))
    }
    var answer: [String: JSONValue] = ["model_versions": .array(page)]
    if start + 2 < numbers.count { answer["next_page_token"] = .string(String(start + 2)) }
    return WorkspaceResponse(json: .object(answer))
  }

  private func missingModel(_ name: String) -> WorkspaceResponse {
    .error(404, "RESOURCE_DOES_NOT_EXIST", "Registered Model with name=\(name) not found")
  }
}
