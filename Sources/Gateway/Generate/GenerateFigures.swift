import CanonicalJSON

/// What an answer of a `generate` route contains beside the text.
struct GenerateFigures: Hashable, Sendable {
  /// The version of the registered model that served; nil if it is unknown.
  let modelVersion: String?
  let latency: Duration
  let requestID: String
  /// The token counts that the replica reported.
  let tokensIn: Int64?
  let tokensOut: Int64?

  /// The last event of a stream.
  var json: JSONValue { .object(members) }

  /// The answer to a request that is not streamed.
  func answer(_ text: String) -> JSONValue {
    var answer = members
    answer["generated_text"] = .string(text)
    return .object(answer)
  }

  private var members: [String: JSONValue] {
    [
      "model_version": modelVersion.map { .string($0) } ?? .null,
      "latency_ms": .int(latency.nanoseconds / 1_000_000),
      "request_id": .string(requestID),
      "tokens_in": tokensIn.map { .int($0) } ?? .null,
      "tokens_out": tokensOut.map { .int($0) } ?? .null,
    ]
  }
}

extension JSONValue {
  /// The text of a chat completion: empty if its message has no content, nil if this is not a chat completion.
  var completionText: String? {
    guard let message = self["choices"]?.arrayValue?.first?["message"] else { return nil }
    guard let content = message["content"], !content.isNull else { return "" }
    return content.stringValue
  }
}
