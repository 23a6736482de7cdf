import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServingAPI
import Telemetry

extension Response {
  /// A response of the API.
  static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.bytes())))
  }

  static func error(_ error: APIError) -> Response {
    var response = json(
      WireErrorBody(errorCode: error.code, message: error.message).json, status: .init(code: error.status))
    if error.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
    if error.status == 503 { response.headers[.retryAfter] = "5" }
    return response
  }
}

/// Turns every failure of the inner handlers into the protocol's error form: a response is never HTML and never empty.
struct ErrorMiddleware: RouterMiddleware {
  typealias Context = PlaneContext

  /// Checked before any response that reveals what exists and what does not.
  let authorizer: any Authorizer
  let methods: AllowedMethods

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as APIError {
      return .error(error)
    } catch let error as SQLError {
      return .error(APIError(error))
    } catch let error as any HTTPResponseError where error.status == .notFound {
      return noSuchRoute(request)
    } catch let error as any HTTPResponseError {
      return .error(answer(to: error))
    } catch {
      context.logger.error("a call failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      return .error(.internal("\(error)"))
    }
  }

  private func noSuchRoute(_ request: Request) -> Response {
    do { _ = try authorizer.admit(request.headers[.authorization]) } catch { return .error(error) }
    let path = request.uri.path
    let allowed = methods.of(path)
    guard !allowed.isEmpty else {
      return .error(
        APIError(status: 404, code: "ENDPOINT_NOT_FOUND", message: "No API found for '\(request.method) \(path)'."))
    }
    let names = allowed.map(\.rawValue).joined(separator: ", ")
    var response = Response.error(
      APIError(
        status: 405, code: "METHOD_NOT_ALLOWED",
        message: "\"\(path)\" does not support \(request.method); supported: \(names)"))
    response.headers[.allow] = names
    return response
  }

  private func answer(to error: any HTTPResponseError) -> APIError {
    switch error.status {
    case .contentTooLarge: APIError(status: 413, code: "BAD_REQUEST", message: "the request body is too large")
    default:
      APIError(
        status: error.status.code, code: error.status.code < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR", message: "\(error)"
      )
    }
  }
}
