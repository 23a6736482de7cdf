import CanonicalJSON
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServingAPI

extension Response {
  /// An answer of the API.
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

/// Turns whatever goes wrong behind it into the protocol's error form: an answer is never HTML and never empty.
struct ErrorAnswers: RouterMiddleware {
  typealias Context = PlaneContext

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as APIError {
      return .error(error)
    } catch let error as any HTTPResponseError {
      return .error(answer(to: error, request))
    } catch {
      context.logger.error("a call failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      return .error(.internal("\(error)"))
    }
  }

  private func answer(to error: any HTTPResponseError, _ request: Request) -> APIError {
    switch error.status {
    case .notFound:
      APIError(
        status: 404, code: "ENDPOINT_NOT_FOUND", message: "No API found for '\(request.method) \(request.uri.path)'.")
    case .contentTooLarge: APIError(status: 413, code: "BAD_REQUEST", message: "The request body is too large.")
    default:
      APIError(
        status: error.status.code, code: error.status.code < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR", message: "\(error)"
      )
    }
  }
}

/// Lets only those through who have the plane's token: `Bearer TOKEN`, or `Basic` with the user `token`.
struct TokenCheck: RouterMiddleware {
  typealias Context = PlaneContext

  let token: AccessTokenDigest

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    if let refusal = token.refusal(of: request.headers[.authorization]) { throw refusal }
    return try await next(request, context)
  }
}
