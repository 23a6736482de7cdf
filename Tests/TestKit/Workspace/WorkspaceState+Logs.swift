internal import CanonicalJSON
internal import ServingAPI

/// The logs of an endpoint (serving-api.md E14 to E16).
extension WorkspaceState {
  enum Log { case server, build }

  /// The server log belongs to the active config only (serving-api.md Q63); the build log can be read of a pending or
  /// failed config.
  func logs(_ name: String, _ entity: String, of kind: Log) -> WorkspaceResponse {
    guard let endpoint = endpoints[name] else { return missing(name) }
    func named(_ version: Version?) -> WireServedEntity? {
      version?.config.entities.first { $0.resolvedName == entity }
    }
    let active = named(endpoint.active)
    guard let found = active ?? named(endpoint.pending?.version) ?? named(endpoint.failed) else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Served entity '\(entity)' does not exist.")
    }
    if kind == .server, active == nil { return WorkspaceResponse(json: WireLogs(logs: "").json) }
    let texts = logTexts[found.behaviorKey] ?? ("server log of \(entity)\n", "build log of \(entity)\n")
    return WorkspaceResponse(json: WireLogs(logs: kind == .server ? texts.server : texts.build).json)
  }

  func metrics(_ name: String) -> WorkspaceResponse {
    guard let endpoint = endpoints[name] else { return missing(name) }
    let lines = (endpoint.active?.config.entities ?? []).map { entity in
      "request_count_total{endpoint_name=\"\(name)\",served_model_name=\"\(entity.resolvedName)\"} 0"
    }
    return WorkspaceResponse(
      text: (["# TYPE request_count_total gauge"] + lines).joined(separator: "\n") + "\n",
      headers: [("Content-Type", "text/plain")])
  }

  /// Only of a ready endpoint.
  func openAPI(_ name: String) -> WorkspaceResponse {
    guard let endpoint = endpoints[name] else { return missing(name) }
    guard endpoint.isReady else { return .error(400, "INVALID_STATE", "Endpoint '\(name)' is not ready.") }
    return WorkspaceResponse(json: [
      "openapi": "3.1.0", "info": ["title": .string(name), "version": "1"],
      "paths": [:],
    ])
  }
}
