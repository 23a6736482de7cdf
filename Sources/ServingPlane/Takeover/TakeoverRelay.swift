import HTTPTypes
import Hummingbird
import LibCurl
import NIOCore
import ServingAPI

/// Relays calls to the plane that has taken over, for callers with existing connections: they are answered, and asked
/// to open a new connection, which the new plane accepts.
struct TakeoverRelay: RouterMiddleware {
  typealias Context = PlaneContext

  let gate: ChangeGate
  let client: HTTPClient

  private static let largestBody = 64 << 20
  /// Headers that belong to one connection (RFC 9110, section 7.6.1), or are generated anew.
  private static let ofConnection: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
    "content-length", "accept-encoding", "date",
  ]

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    gate.isHandedOver ? try await passOn(request) : try await next(request, context)
  }

  func passOn(_ request: Request) async throws -> Response {
    guard let socket = gate.successor else { throw Self.elsewhere }
    let body = try await request.body.collect(upTo: Self.largestBody)
    let headers = request.headers.filter { !Self.ofConnection.contains($0.name.canonicalName) }
      .map { LibCurl.HTTPField($0.name.rawName, $0.value) }
    let answer: LibCurl.HTTPResponse
    do {
      answer = try await client.execute(
        LibCurl.HTTPRequest(
          method: request.method.rawValue, url: "http://localhost\(request.uri.description)", headers: headers,
          body: body.readableBytes > 0 ? Array(body.readableBytesView) : nil, unixSocket: socket))
    } catch { throw Self.elsewhere }
    var response = Response(status: .init(code: answer.status))
    for field in answer.headers.fields where !Self.ofConnection.contains(field.name.lowercased()) {
      guard let name = HTTPTypes.HTTPField.Name(field.name) else { continue }
      response.headers.append(HTTPTypes.HTTPField(name: name, value: field.value))
    }
    let pieces = answer.body
    response.body = ResponseBody { writer in
      for try await piece in pieces { try await writer.write(ByteBuffer(bytes: piece)) }
      try await writer.finish(nil)
    }
    return response
  }

  private static let elsewhere = APIError(
    status: 503, code: "TEMPORARILY_UNAVAILABLE", message: "another process has taken over this plane; retry later")
}

/// Holds calls that change something during a takeover.
struct ChangeGateMiddleware: RouterMiddleware {
  typealias Context = PlaneContext

  let relay: TakeoverRelay

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    if [.get, .head].contains(request.method) { return try await next(request, context) }
    guard await relay.gate.enter() == .admitted else { return try await relay.passOn(request) }
    defer { relay.gate.leave() }
    return try await next(request, context)
  }
}
