internal import CanonicalJSON
internal import HTTPSupport
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore

/// Checks on every path whether the sender has access, and turns every failure into a response of the listener.
struct ListenerMiddleware: RouterMiddleware {
  typealias Context = BasicRequestContext

  let access: ListenerAccess
  let methods: AllowedMethods
  let log: Logger
  /// The paths with their methods, for requests with an unknown path.
  let paths: [(name: String, about: String)]

  func handle(
    _ request: Request, context: BasicRequestContext,
    next: (Request, BasicRequestContext) async throws -> Response
  ) async throws -> Response {
    if let refusal = access.refusal(authority: request.head.authority, origin: request.headers[.origin]) {
      return .refusal(refusal)
    }
    do {
      return try await next(request, context)
    } catch let refusal as ListenerCalls.Refusal {
      return .failure(refusal.description, status: .conflict)
    } catch let error as any HTTPResponseError where error.status == .notFound {
      return noSuchRoute(request.uri.path)
    } catch {
      log.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      return .failure("\(error)", status: .internalServerError)
    }
  }

  private func noSuchRoute(_ path: String) -> Response {
    let allowed = methods.of(path)
    guard allowed.isEmpty else { return .wrongMethod(allowed) }
    let known = Dictionary(paths.map { ($0.name, JSONValue.string($0.about)) }, uniquingKeysWith: { $1 })
    return .json(["error": .string("not found: \(path)"), "paths": .object(known)], status: .notFound)
  }
}

extension Response {
  static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
    Response(status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  static func probe(_ probe: ListenerCalls.Probe) -> Response {
    text(
      probe.message + "\n", type: "text/plain; charset=utf-8", status: probe.isHealthy ? .ok : .serviceUnavailable)
  }

  static func json(_ value: JSONValue, status: HTTPResponse.Status) -> Response {
    text(value.text() + "\n", type: "application/json", status: status)
  }

  static func message(_ words: String, status: HTTPResponse.Status = .ok) -> Response {
    json(["message": .string(words)], status: status)
  }

  static func failure(_ words: String, status: HTTPResponse.Status) -> Response {
    json(["error": .string(words)], status: status)
  }

  static func refusal(_ refusal: ListenerAccess.Refusal) -> Response {
    var response = failure(refusal.message, status: HTTPResponse.Status(code: refusal.status))
    if refusal.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
  }

  fileprivate static func wrongMethod(_ allowed: [HTTPRequest.Method]) -> Response {
    let methods = allowed.map(\.rawValue).joined(separator: ", ")
    var response = failure("this path accepts \(methods)", status: .methodNotAllowed)
    response.headers[.allow] = methods
    return response
  }
}
