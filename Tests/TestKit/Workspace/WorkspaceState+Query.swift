internal import CanonicalJSON
internal import ServingAPI

/// Queries of endpoints (serving-api.md 1.3).
extension WorkspaceState {
  /// `{name}/invocations`, `{name}/served-models/{entity}/invocations`, and OpenAI's path with the endpoint as the
  /// model.
  mutating func query(_ parts: [String], _ body: JSONValue?) -> WorkspaceResponse {
    let isOpenAI = parts == ["chat", "completions"]
    guard isOpenAI || parts.last == "invocations", let name = isOpenAI ? body?["model"]?.stringValue : parts.first
    else { return unknown("POST", parts.joined(separator: "/")) }
    guard let endpoint = endpoints[name] else { return missing(name) }
    if endpoint.isStopped { return .error(400, "BAD_REQUEST", "Endpoint '\(name)' is stopped.") }
    guard let active = endpoint.active else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Endpoint '\(name)' has no active config.")
    }
    let wanted = parts.count == 4 ? parts[2] : active.config.busiestEntity
    guard let entity = active.config.entities.first(where: { $0.resolvedName == wanted }) else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Served entity '\(wanted)' does not exist.")
    }
    // The request is held while the endpoint wakes.
    endpoints[name]?.isAtZero = false
    return answer(of: entity, body)
  }

  private func answer(of entity: WireServedEntity, _ body: JSONValue?) -> WorkspaceResponse {
    let version = entity.entityVersion ?? ""
    let answer = answers[entity.behaviorKey] ?? (200, "Hello from v\(version)")
    guard answer.status == 200 else { return .error(answer.status, "BAD_REQUEST", answer.text) }
    let header = [("served-model-name", entity.resolvedName)]
    if body?["stream"]?.boolValue == true {
      let events = [": heartbeat\n\n"] + answer.text.map { Self.event(String($0)) } + ["data: [DONE]\n\n"]
      return WorkspaceResponse(text: events.joined(), headers: header + [("Content-Type", "text/event-stream")])
    }
    guard body?["messages"] != nil else {
      return WorkspaceResponse(json: ["predictions": [.string(answer.text)]], headers: header)
    }
    return WorkspaceResponse(
      json: [
        "id": "chatcmpl-1", "object": "chat.completion", "created": .int(clock / 1000),
        "model": .string(entity.resolvedName),
        "choices": [
          ["index": 0, "message": ["role": "assistant", "content": .string(answer.text)], "finish_reason": "stop"]
        ],
        "usage": ["prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8],
      ], headers: header)
  }

  private static func event(_ text: String) -> String {
    let json: JSONValue = ["choices": [["delta": ["content": .string(text)]]]]
    return "data: \(json.text())\n\n"
  }
}

extension WireConfig {
  fileprivate var busiestEntity: String {
    let busiest = trafficConfig?.routes.max { ($0.trafficPercentage ?? 0) < ($1.trafficPercentage ?? 0) }
    return busiest?.servedEntityName ?? entities.first?.resolvedName ?? ""
  }
}
