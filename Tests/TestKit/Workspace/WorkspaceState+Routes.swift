internal import CanonicalJSON
internal import LibCurl
internal import ServingAPI

extension WorkspaceState {
  /// Answers a request as a workspace does.
  mutating func handle(_ request: HTTPRequest) -> WorkspaceResponse {
    answered &+= 1
    let path = request.apiPath
    if let response = openCall(request, path) { return response }
    let response = refusalOfToken(in: request) ?? routed(request, path)
    return behaviors.errorForm == .json ? response : response.written(as: behaviors.errorForm)
  }

  private mutating func routed(_ request: HTTPRequest, _ path: String) -> WorkspaceResponse {
    let body = request.body.flatMap { try? JSONValue(parsing: $0) }
    if let bytes = request.body, !bytes.isEmpty, body == nil {
      return .error(400, "MALFORMED_REQUEST", "Invalid JSON given in the body of the request.")
    }
    return routed(request.method, path, body, query: request.apiQuery)
  }

  /// The same for a caller who needs no token.
  mutating func handle(_ method: String, _ path: String, _ body: JSONValue?, by user: String) -> WorkspaceResponse {
    let caller = identities.caller
    let admins = identities.groups["admins"]
    identities.caller = Principal(kind: "user_name", name: user)
    identities.groups["admins", default: []].insert(user)
    let response = routed(method, path, body, query: [:])
    identities.caller = caller
    identities.groups["admins"] = admins
    return response
  }

  private mutating func routed(
    _ method: String, _ path: String, _ body: JSONValue?, query: [String: String]
  ) -> WorkspaceResponse {
    let parts = path.split(separator: "/").map(String.init)
    if parts.starts(with: ["api", "2.0", "serving-endpoints"]) {
      return serving(method, Array(parts.dropFirst(3)), body)
    }
    if parts.first == "serving-endpoints" { return self.query(Array(parts.dropFirst()), body) }
    if parts.starts(with: ["api", "2.0", "permissions", "serving-endpoints"]) {
      return permissions(method, Array(parts.dropFirst(4)), body)
    }
    if parts.starts(with: ["api", "2.1", "unity-catalog", "models"]) {
      return catalog(method, Array(parts.dropFirst(4)), body, query: query)
    }
    if parts.starts(with: ["api", "2.0", "mlflow"]) {
      return mlflow(method, Array(parts.dropFirst(3)), query: query)
    }
    if method == "GET", path == "/api/2.0/preview/scim/v2/Me" { return me() }
    return unknown(method, path)
  }

  func unknown(_ method: String, _ path: String) -> WorkspaceResponse {
    .error(404, "ENDPOINT_NOT_FOUND", "No API found for '\(method) \(path)'")
  }

  private mutating func serving(_ method: String, _ parts: [String], _ body: JSONValue?) -> WorkspaceResponse {
    let name = parts.first ?? ""
    if method == "GET" { return reading(name, parts) }
    if let refusal = refusal(ofWrite: method, to: name, parts) { return refusal }
    switch (method, parts.count, parts.last) {
    case ("POST", 0, _): return create(body)
    case ("DELETE", 1, _): return delete(name)
    case ("PUT", 2, "config"): return updateConfig(name, to: WireConfig(body) ?? WireConfig())
    case ("POST", 2, "config:stop"): return stop(name)
    case ("POST", 2, "config:start"): return start(name)
    case ("PATCH", 2, "tags"): return patchTags(name, WireTagPatch(body) ?? WireTagPatch())
    case ("PUT", 2, "ai-gateway"): return putGateway(name, body)
    case ("PATCH", 2, "notifications"): return patchNotifications(name, body)
    case ("PATCH", 2, "telemetry-config"): return patchTelemetry(name, body)
    case ("PATCH", 2, "system-metrics-export-state"): return patchSystemMetrics(name, body)
    default: return unknown(method, "/" + parts.joined(separator: "/"))
    }
  }

  private mutating func reading(_ name: String, _ parts: [String]) -> WorkspaceResponse {
    switch (parts.count, parts.last) {
    case (0, _): return list()
    case (1, _): return look(name)
    case (2, "metrics"): return metrics(name)
    case (2, "openapi"): return openAPI(name)
    case (4, "logs"): return logs(name, parts[2], of: .server)
    case (4, "build-logs"): return logs(name, parts[2], of: .build)
    default: return unknown("GET", "/" + parts.joined(separator: "/"))
    }
  }

  /// Checks before a write is even read: the caller's permission, and the rate limit.
  private mutating func refusal(ofWrite method: String, to name: String, _ parts: [String]) -> WorkspaceResponse? {
    if foundationEndpoint(name) != nil {
      return .error(403, "PERMISSION_DENIED", "Endpoint '\(name)' is owned by Databricks.")
    }
    if let endpoint = endpoints[name], !mayManage(endpoint) { return denied(endpoint) }
    let isCounted = method == "POST" && parts.isEmpty || method == "PUT" && parts.last == "config"
    guard isCounted, let limit = behaviors.writeLimit else { return nil }
    let span = limit.per.milliseconds
    writesLetThrough.removeAll { $0 <= now - span }
    guard writesLetThrough.count < limit.count else {
      let wait = max(1, ((writesLetThrough.first ?? now) + span - now + 999) / 1000)
      var response = WorkspaceResponse.error(
        429, "REQUEST_LIMIT_EXCEEDED", "Too many create or update operations in this workspace.")
      response.headers.append(("Retry-After", String(wait)))
      return response
    }
    writesLetThrough.append(now)
    return nil
  }
}

extension HTTPRequest {
  /// The URL's path and query as they were sent.
  var apiPathAndQuery: Substring {
    let afterScheme = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
    return afterScheme.drop { $0 != "/" }
  }

  /// The URL's path, decoded.
  var apiPath: String {
    let path = apiPathAndQuery.prefix { $0 != "?" }
    return path.contains("%") ? FormText.decoded(String(path).replacing("+", with: "%2B")) : String(path)
  }

  var apiQuery: [String: String] { FormText.members(of: String(url.drop { $0 != "?" }.dropFirst())) }
}
