import CanonicalJSON
import LibCurl
import ServingAPI

/// Changes calls and responses in transit: it undoes what the client does against a quirk, so that a test shows what
/// would happen without it.
struct CallInterceptor: Sendable {
  /// Changes the body of a call with the given method and path.
  var body: @Sendable (_ method: String, _ path: String, inout JSONValue) -> Void = { _, _, _ in }
  /// Changes the whole call.
  var request: @Sendable (inout HTTPRequest) -> Void = { _ in }
  /// Changes the JSON of a response.
  var answer: @Sendable (_ method: String, _ path: String, inout JSONValue) -> Void = { _, _, _ in }
  /// Whether responses are changed at all.
  var touchesAnswers = false

  func send(_ asked: HTTPRequest, over inner: Transport) async throws -> APIResponse {
    var asked = asked
    request(&asked)
    if var json = asked.body.flatMap({ try? JSONValue(parsing: $0) }) {
      body(asked.method, asked.url, &json)
      asked.body = json.bytes()
    }
    let response = try await inner(asked)
    guard touchesAnswers, response.status < 300 else { return response }
    var bytes: [UInt8] = []
    for try await piece in response.body { bytes += piece }
    if var json = try? JSONValue(parsing: bytes) {
      answer(asked.method, asked.url, &json)
      bytes = json.bytes()
    }
    return APIResponse(
      status: response.status, headers: response.headers, effectiveURL: response.effectiveURL,
      body: AsyncThrowingStream { continuation in
        continuation.yield(bytes)
        continuation.finish()
      })
  }

  /// Undoes something in the bodies of creates and config updates.
  static func config(_ change: @escaping @Sendable (inout JSONValue) -> Void) -> CallInterceptor {
    CallInterceptor(body: { method, path, json in
      if method == "PUT", path.hasSuffix("/config") { change(&json) }
      if method == "POST", path.hasSuffix("/serving-endpoints"), var config = json["config"] {
        change(&config)
        json.set("config", config)
      }
    })
  }

  /// Undoes something in each served entity that is sent.
  static func entities(_ change: @escaping @Sendable (inout JSONValue) -> Void) -> CallInterceptor {
    config { $0.changeEach("served_entities", change) }
  }

  static func body(
    _ method: String, _ path: String, _ change: @escaping @Sendable (inout JSONValue) -> Void
  ) -> CallInterceptor {
    CallInterceptor(body: { if $0 == method, $1.hasSuffix(path) { change(&$2) } })
  }

  static func answers(_ change: @escaping @Sendable (_ path: String, inout JSONValue) -> Void) -> CallInterceptor {
    CallInterceptor(answer: { change($1, &$2) }, touchesAnswers: true)
  }
}

extension JSONValue {
  mutating func set(_ key: String, _ value: JSONValue?) {
    guard case .object(var members, let alike) = self else { return }
    members[key] = value
    self = .object(members, alike: alike)
  }

  mutating func changeEach(_ key: String, _ change: (inout JSONValue) -> Void) {
    guard let items = self[key]?.arrayValue else { return }
    set(
      key,
      .array(
        items.map { item in
          var item = item
          change(&item)
          return item
        }))
  }
}
