import HTTPSupport
import HTTPTypes
import Hummingbird

/// Admits only calls whose sender may make them, by the rule of the route (``RouteRule``). The request's context then
/// names the sender.
struct AccessMiddleware: RouterMiddleware {
  typealias Context = PlaneContext

  let authorizer: PlaneAuthorizer

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    // Without a route, the response (404 or 405) asks for a token too.
    guard let path = context.endpointPath else { return try await next(request, context) }
    let rule = RouteRule.table[RouteRule.Route(request.method, path)]
    if rule == .open { return try await next(request, context) }
    var context = context
    let principal = try authorizer.admit(request.headers[.authorization])
    context.principal = principal
    try authorizer.check(principal, rule) { context.path($0) }
    return try await next(request, context)
  }
}

extension PlaneContext {
  /// Who sends the request.
  ///
  /// - Throws: ``APIError`` on a route that anybody may call.
  var sender: Principal {
    get throws(APIError) {
      guard let principal else { throw APIError(AccessTokenDigest.Refusal.missing) }
      return principal
    }
  }
}
