internal import CanonicalJSON
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import PrometheusMetrics

/// The listener's routes. There are only a few fixed paths, so a table takes the place of a router, and a wrong path or
/// method is answered with the table.
struct ListenerRoutes: Sendable {
  let calls: ListenerCalls
  let access: ListenerAccess
  let token: @Sendable () -> ListenerToken
  let maximumHookBody: Int
  let log: Logger

  private static let maximumReason = 4 << 10

  private struct Route: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let about: String
    let answer: @Sendable (ListenerRoutes, Request) async throws -> Response
  }

  private static let routes: [Route] = [
    Route(method: .get, path: "/metrics", about: "metrics in the Prometheus text format") { routes, _ in
      .text(await routes.calls.metrics(), type: PrometheusText.contentType)
    },
    Route(method: .get, path: "/healthz", about: "200 while the loop makes progress") { routes, _ in
      .probe(await routes.calls.health())
    },
    Route(method: .get, path: "/readyz", about: "200 once the controller is active or standing by") { routes, _ in
      .probe(await routes.calls.readiness())
    },
    Route(method: .get, path: "/status", about: "the fleet's status as JSON") { routes, _ in
      .text(await routes.calls.status(), type: "application/json")
    },
    Route(method: .post, path: "/hooks/git", about: "the webhook for git hosts; syncs the source now") {
      try await $0.hook($1)
    },
    Route(method: .post, path: "/pause", about: "pauses all writes; the reason is the body or ?reason=") {
      try await $0.pause($1)
    },
    Route(method: .post, path: "/resume", about: "resumes writes") { routes, request in
      try await routes.change(request) { .message(try await routes.calls.resume()) }
    },
    Route(method: .post, path: "/sync", about: "syncs the source now") { routes, request in
      try await routes.change(request) { .message(try await routes.calls.sync(), status: .accepted) }
    },
  ]

  func answer(to request: Request) async -> Response {
    if let refusal = access.refusal(authority: request.head.authority, origin: request.headers[.origin]) {
      return .refusal(refusal)
    }
    let path = request.uri.path
    let here = Self.routes.filter { $0.path == path }
    // A HEAD is answered like a GET; the server omits the body.
    let method = request.method == .head ? HTTPRequest.Method.get : request.method
    guard let route = here.first(where: { $0.method == method }) else {
      return here.isEmpty ? .notFound(path) : .wrongMethod(here.map(\.method))
    }
    do {
      let response = try await route.answer(self, request)
      return request.method == .head ? response.createHeadResponse() : response
    } catch let refusal as ListenerCalls.Refusal {
      return .failure(refusal.description, status: .conflict)
    } catch {
      log.error("a request failed", metadata: ["path": "\(path)", "error": "\(error)"])
      return .failure("\(error)", status: .internalServerError)
    }
  }

  /// The paths, for requests with an unknown path.
  static var paths: JSONValue {
    .object(Dictionary(routes.map { ("\($0.method) \($0.path)", .string($0.about)) }, uniquingKeysWith: { $1 }))
  }

  private func hook(_ request: Request) async throws -> Response {
    guard let hook = calls.hook else {
      return .failure(
        "the git webhook is disabled because no secret is configured; start the controller with --hook-secret-file "
          + "FILE, and configure the same secret at the git host",
        status: .notFound)
    }
    guard let body = try await Self.body(of: request, upTo: maximumHookBody) else {
      return .failure("the body is larger than \(maximumHookBody) bytes", status: .contentTooLarge)
    }
    let fields = request.headers.map { (name: $0.name.rawName, value: $0.value) }
    switch await hook(ListenerCalls.WebhookRequest(fields: fields, body: body)) {
    case .accepted(let words): return .message(words, status: .accepted)
    case .seen(let words): return .message(words)
    case .refused(let words, let cause):
      log.warning("git webhook call refused", metadata: ["why": "\(cause ?? words)"])
      return .failure(words, status: .unauthorized)
    }
  }

  private func pause(_ request: Request) async throws -> Response {
    try await change(request) {
      guard let body = try await Self.body(of: request, upTo: Self.maximumReason) else {
        return .failure("the reason is longer than \(Self.maximumReason) bytes", status: .contentTooLarge)
      }
      guard let text = String(validating: body, as: UTF8.self) else {
        return .failure("the reason is not UTF-8 text", status: .badRequest)
      }
      let reason = text.isEmpty ? request.uri.queryParameters["reason"].map(String.init) ?? "" : text
      return .message(try await calls.pause(Self.trimmed(reason)))
    }
  }

  /// Makes a change, if the sender may.
  private func change(_ request: Request, _ body: () async throws -> Response) async throws -> Response {
    let token = token()
    if case .unreadable(let words) = token {
      log.error("the listener's token cannot be read", metadata: ["error": "\(words)"])
    }
    if let refusal = access.refusal(authorization: request.headers[.authorization], token: token) {
      return .refusal(refusal)
    }
    return try await body()
  }

  /// Returns the body, or nil if it is larger than the limit.
  private static func body(of request: Request, upTo limit: Int) async throws -> [UInt8]? {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { return nil }
    var bytes: [UInt8] = []
    for try await piece in request.body {
      guard bytes.count + piece.readableBytes <= limit else { return nil }
      bytes += piece.readableBytesView
    }
    return bytes
  }

  private static func trimmed(_ text: String) -> String {
    let start = text.drop { $0.isWhitespace }
    return start.lastIndex { !$0.isWhitespace }.map { String(start[...$0]) } ?? ""
  }
}

extension Response {
  fileprivate static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
    Response(status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  fileprivate static func probe(_ probe: ListenerCalls.Probe) -> Response {
    text(
      probe.words + "\n", type: "text/plain; charset=utf-8", status: probe.isHealthy ? .ok : .serviceUnavailable)
  }

  fileprivate static func json(_ value: JSONValue, status: HTTPResponse.Status) -> Response {
    text(value.text() + "\n", type: "application/json", status: status)
  }

  fileprivate static func message(_ words: String, status: HTTPResponse.Status = .ok) -> Response {
    json(["message": .string(words)], status: status)
  }

  fileprivate static func failure(_ words: String, status: HTTPResponse.Status) -> Response {
    json(["error": .string(words)], status: status)
  }

  fileprivate static func refusal(_ refusal: ListenerAccess.Refusal) -> Response {
    var response = failure(refusal.message, status: HTTPResponse.Status(code: refusal.status))
    if refusal.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
  }

  fileprivate static func notFound(_ path: String) -> Response {
    json(["error": .string("not found: \(path)"), "paths": ListenerRoutes.paths], status: .notFound)
  }

  fileprivate static func wrongMethod(_ allowed: [HTTPRequest.Method]) -> Response {
    let methods = allowed.flatMap { $0 == .get ? ["GET", "HEAD"] : ["\($0)"] }.joined(separator: ", ")
    var response = failure("this path accepts \(methods)", status: .methodNotAllowed)
    response.headers[.allow] = methods
    return response
  }
}
