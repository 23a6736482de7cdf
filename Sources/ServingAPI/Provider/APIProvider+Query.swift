internal import CanonicalJSON
internal import LibCurl

extension APIProvider {
  package func ask(_ name: String, entity: String?, prompt: String, timeout: Duration) async throws -> ChatAnswer {
    try await ask(name, entity: entity, adapter: nil, prompt: prompt, timeout: timeout)
  }

  /// - Parameter adapter: the LoRA adapter to use; nil for the endpoint's model itself.
  package func ask(
    _ name: String, entity: String?, adapter: String?, prompt: String, timeout: Duration
  ) async throws -> ChatAnswer {
    var call = try invocation(name, entity: entity, adapter: adapter, prompt: prompt, stream: false)
    call.timeouts = HTTPTimeouts(connect: .seconds(10), idle: nil, total: timeout)
    let start = client.elapsed()
    let response = try await client.response(to: call)
    let body = try await client.body(of: response, call: call)
    let elapsed = client.elapsed() - start
    let text =
      if response.isSuccess {
        client.redact(try ChatText.whole(body, call: call, target: target), call: call)
      } else {
        client.failure(status: response.status, headers: response.headers, body: body, call: call).serverMessage
      }
    return ChatAnswer(
      status: response.status, text: text, servedEntity: response.headers["served-model-name"], elapsed: elapsed)
  }

  package func streamChat(_ name: String, entity: String?, prompt: String) async throws -> ChatStream {
    try await streamChat(name, entity: entity, adapter: nil, prompt: prompt)
  }

  /// - Parameter adapter: the LoRA adapter to use; nil for the endpoint's model itself.
  package func streamChat(
    _ name: String, entity: String?, adapter: String?, prompt: String
  ) async throws -> ChatStream {
    var call = try invocation(name, entity: entity, adapter: adapter, prompt: prompt, stream: true)
    // A model scaled to zero is started first: the platform holds a request for up to ten minutes (serving-api.md 6.3).
    call.timeouts = HTTPTimeouts(connect: .seconds(10), idle: .seconds(600), total: .seconds(3600))
    let response = try await client.response(to: call)
    guard response.isSuccess else {
      let body = try await client.body(of: response, call: call)
      throw client.failure(status: response.status, headers: response.headers, body: body, call: call)
    }
    return ChatStream(response, client: client, call: call)
  }

  private func invocation(
    _ name: String, entity: String?, adapter: String?, prompt: String, stream: Bool
  ) throws -> APICall {
    let path: APIPath =
      if let entity {
        "/serving-endpoints/\(name)/served-models/\(entity)/invocations"
      } else {
        "/serving-endpoints/\(name)/invocations"
      }
    var call = try call("POST", name, path)
    call.retries = .never
    var body: [String: JSONValue] = ["messages": [["role": "user", "content": .string(prompt)]]]
    if let adapter { body["model"] = .string("\(name):\(adapter)") }
    if stream { body["stream"] = true }
    call.body = .object(body)
    return call
  }
}

/// The text in a model's answer.
enum ChatText {
  /// Returns the text of a whole answer: the first choice's message; for other tasks the predictions, else the
  /// unchanged response.
  ///
  /// - Throws: `ServingError` if the response is not JSON: a login page must not pass for a model's answer.
  static func whole(_ body: [UInt8], call: APICall, target: ProviderTarget) throws -> String {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue(parsing: body)
    } catch {
      throw ServingError(
        kind: .unexpectedAnswer, status: 200,
        serverMessage: "the response is \(error.endsTooEarly ? error.description : "not valid JSON")",
        call: call.description,
        advice: error.endsTooEarly
          ? Advice.cutAnswer(from: target) : "check that \(target.url) is a workspace or a serving plane")
    }
    guard let choice = json["choices"]?.arrayValue?.first else { return json["predictions"]?.text() ?? json.text() }
    return choice["message"]?["content"]?.stringValue ?? choice["text"]?.stringValue ?? ""
  }

  /// Returns the text of one piece of a stream; empty for pieces that contain only a role or figures.
  static func piece(_ json: JSONValue) -> String {
    let choice = json["choices"]?.arrayValue?.first
    return choice?["delta"]?["content"]?.stringValue ?? choice?["text"]?.stringValue ?? ""
  }
}
