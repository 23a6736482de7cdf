internal import CanonicalJSON
internal import LibCurl
internal import ServingAPI

extension WorkspaceState {
  /// Answers a request as a workspace does.
  mutating func handle(_ request: HTTPRequest) -> Reply {
    let path = request.apiPath
    let body = request.body.flatMap { try? JSONValue(parsing: $0) }
    guard request.headers.contains(where: { $0.name == "Authorization" && $0.value == "Bearer dapi-secret-token" })
    else {
      return .error(401, "UNAUTHENTICATED", "Invalid access token.")
    }
    let parts = path.split(separator: "/").map(String.init)
    if parts.starts(with: ["api", "2.0", "serving-endpoints"]) {
      return serving(request.method, Array(parts.dropFirst(3)), body)
    }
    if parts.first == "serving-endpoints" { return query(Array(parts.dropFirst()), body) }
    if parts.starts(with: ["api", "2.1", "unity-catalog", "models"]) {
      return catalog(request.method, Array(parts.dropFirst(4)), body, query: request.apiQuery)
    }
    return unknown(request.method, path)
  }

  private func unknown(_ method: String, _ path: String) -> Reply {
    .error(404, "ENDPOINT_NOT_FOUND", "No API found for '\(method) \(path)'")
  }

  private mutating func serving(_ method: String, _ parts: [String], _ body: JSONValue?) -> Reply {
    let name = parts.first ?? ""
    switch (method, parts.count, parts.last) {
    case ("GET", 0, _): return list()
    case ("POST", 0, _): return create(WireCreateRequest(body) ?? WireCreateRequest())
    case ("GET", 1, _): return look(name)
    case ("DELETE", 1, _): return delete(name)
    case ("PUT", 2, "config"): return updateConfig(name, to: WireConfig(body) ?? WireConfig())
    case ("PATCH", 2, "tags"): return patchTags(name, WireTagPatch(body) ?? WireTagPatch())
    case ("GET", 4, "logs"): return logs(name, parts[2], of: "server")
    case ("GET", 4, "build-logs"): return logs(name, parts[2], of: "build")
    default: return unknown(method, "/" + parts.joined(separator: "/"))
    }
  }

  private func logs(_ name: String, _ entity: String, of kind: String) -> Reply {
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard endpoint.active?.config.entities.contains(where: { $0.resolvedName == entity }) == true else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Served entity '\(entity)' does not exist.")
    }
    return Reply(json: WireLogs(logs: "\(kind) log of \(entity)\n").json)
  }

  /// Invocations: the entity that is named, else the one with the most traffic.
  private func query(_ parts: [String], _ body: JSONValue?) -> Reply {
    guard let name = parts.first, parts.last == "invocations" else {
      return unknown("POST", parts.joined(separator: "/"))
    }
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard let active = endpoint.active else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Endpoint '\(name)' has no active config.")
    }
    let wanted = parts.count == 4 ? parts[2] : active.config.busiestEntity
    guard let entity = active.config.entities.first(where: { $0.resolvedName == wanted }) else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Served entity '\(wanted)' does not exist.")
    }
    let version = entity.entityVersion ?? ""
    let answer = answers["\(entity.entityName ?? "")/\(version)"] ?? (200, "Hello from v\(version)")
    guard answer.status == 200 else { return .error(answer.status, "BAD_REQUEST", answer.text) }
    let header = [("served-model-name", entity.resolvedName)]
    guard body?["stream"]?.boolValue == true else {
      let message: JSONValue = ["role": "assistant", "content": .string(answer.text)]
      return Reply(json: ["choices": [["index": 0, "message": message]]], headers: header)
    }
    let events = [": heartbeat\n\n"] + answer.text.map { Self.event(String($0)) } + ["data: [DONE]\n\n"]
    return Reply(text: events.joined(), headers: header)
  }

  private static func event(_ text: String) -> String {
    let json: JSONValue = ["choices": [["delta": ["content": .string(text)]]]]
    return "data: \(json.text())\n\n"
  }
}

extension WireConfig {
  fileprivate var busiestEntity: String {
    trafficConfig?.routes.max { ($0.trafficPercentage ?? 0) < ($1.trafficPercentage ?? 0) }?.servedEntityName ?? ""
  }
}

extension HTTPRequest {
  /// The URL's path, its encoding undone for the few names that tests use.
  var apiPath: String {
    let afterScheme = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
    let path = afterScheme.drop { $0 != "/" }.prefix { $0 != "?" }
    return String(path).replacing("%40", with: "@").replacing("%20", with: " ")
  }

  var apiQuery: [String: String] {
    let query = url.drop { $0 != "?" }.dropFirst()
    return Dictionary(
      query.split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
        return (parts.first ?? "", parts.count > 1 ? parts[1] : "")
      }, uniquingKeysWith: { $1 })
  }
}
