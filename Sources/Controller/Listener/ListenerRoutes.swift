internal import HTTPSupport
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import PrometheusMetrics

/// The listener's routes.
struct ListenerRoutes: Sendable {
  let calls: ListenerCalls
  let access: ListenerAccess
  let token: @Sendable () -> ListenerToken
  let maximumHookBody: Int
  let log: Logger

  private static let maximumReason = 4 << 10

  /// Who may call a route.
  enum Rule: Hashable, Sendable {
    /// Everybody who reaches the listener: the route changes nothing.
    case open
    /// Whoever signs the request with the webhook's secret.
    case signed
    /// The holder of the listener's token.
    case token
  }

  /// A route, with its description in the response to a request with an unknown path.
  private struct Route: Sendable {
    let method: HTTPRequest.Method
    let path: String
    let rule: Rule
    let about: String
    let respond: @Sendable (ListenerRoutes, Request) async throws -> Response
  }

  private static let routes: [Route] = [
    Route(method: .get, path: "/metrics", rule: .open, about: "metrics in the Prometheus text format") { routes, _ in
      .text(await routes.calls.metrics(), type: PrometheusText.contentType)
    },
    Route(method: .get, path: "/healthz", rule: .open, about: "200 while the loop makes progress") { routes, _ in
      .probe(await routes.calls.health())
    },
    Route(method: .get, path: "/readyz", rule: .open, about: "200 once the controller is active or standing by") {
      routes, _ in
      .probe(await routes.calls.readiness())
    },
    Route(method: .get, path: "/status", rule: .open, about: "the fleet's status as JSON") { routes, _ in
      .text(await routes.calls.status(), type: "application/json")
    },
    Route(method: .post, path: "/hooks/git", rule: .signed, about: "the webhook for git hosts; syncs the source now") {
      try await $0.hook($1)
    },
    Route(method: .post, path: "/pause", rule: .token, about: "pauses all writes; the reason is the body or ?reason=") {
      try await $0.pause($1)
    },
    Route(method: .post, path: "/resume", rule: .token, about: "resumes writes") { routes, _ in
      .message(try await routes.calls.resume())
    },
    Route(method: .post, path: "/sync", rule: .token, about: "syncs the source now") { routes, _ in
      .message(try await routes.calls.sync(), status: .accepted)
    },
  ]

  /// The rule of a route; nil if there is no such route.
  static func rule(of method: HTTPRequest.Method, _ path: String) -> Rule? {
    // The response to HEAD is that to GET without its body.
    routes.first { $0.path == path && $0.method == (method == .head ? .get : method) }?.rule
  }

  /// The routes, the rules for access to them, and the count of their requests.
  var router: Router<BasicRequestContext> {
    let router = Router(context: BasicRequestContext.self)
    let methods = AllowedMethods()
    router.add(middleware: MetricsMiddleware())
    router.add(
      middleware: ListenerMiddleware(
        access: access, methods: methods, log: log,
        paths: Self.routes.map { (name: "\($0.method) \($0.path)", about: $0.about) }))
    for route in Self.routes {
      router.on(RouterPath(route.path), method: route.method) { request, _ in try await respond(to: request, route) }
      guard route.method == .get else { continue }
      // The router's own HEAD routes would drop the body that the metrics watch; the request would stay active.
      router.head(RouterPath(route.path)) { request, _ in
        try await respond(to: request, route).createHeadResponse()
      }
    }
    methods.learn(router.routes.map { ($0.path, $0.method) })
    return router
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
    guard let body = try await Self.body(of: request, upTo: Self.maximumReason) else {
      return .failure("the reason is longer than \(Self.maximumReason) bytes", status: .contentTooLarge)
    }
    guard let text = String(validating: body, as: UTF8.self) else {
      return .failure("the reason is not UTF-8 text", status: .badRequest)
    }
    let reason = text.isEmpty ? request.uri.queryParameters["reason"].map(String.init) ?? "" : text
    return .message(try await calls.pause(Self.trimmed(reason)))
  }

  /// Answers a request, if its sender may make it.
  private func respond(to request: Request, _ route: Route) async throws -> Response {
    if route.rule == .token {
      let token = token()
      if case .unreadable(let words) = token {
        log.error("the listener's token cannot be read", metadata: ["error": "\(words)"])
      }
      if let refusal = access.refusal(authorization: request.headers[.authorization], token: token) {
        return .refusal(refusal)
      }
    }
    return try await route.respond(self, request)
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
