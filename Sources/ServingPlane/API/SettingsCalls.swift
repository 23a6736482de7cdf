import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import ServingAPI

/// The calls about an endpoint's settings beside its config (serving-api.md E7 to E10).
struct SettingsCalls: Sendable {
  let endpoints: ServingEndpoints
  let body: CallBody

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let endpoint: RouterPath = "/api/2.0/serving-endpoints/{name}"
    router.put("\(endpoint)/ai-gateway") { request, context in
      let gateway = try await endpoints.setGateway(
        context.path("name"), body.read(request), by: context.principal?.name)
      return Response.json(gateway.json)
    }
    router.patch("\(endpoint)/notifications") { request, context in
      let name = context.path("name")
      let lists = try await endpoints.setNotifications(name, body.read(request), by: context.principal?.name)
      return Response.json(["name": .string(name), "email_notifications": lists.json])
    }
    router.patch("\(endpoint)/telemetry-config") { request, context in
      let changed = try await endpoints.setTelemetry(
        context.path("name"), body.read(request), by: context.principal?.name)
      return Response.json(changed.json)
    }
    router.put("\(endpoint)/rate-limits") { _, _ -> Response in
      throw APIError(
        status: 501, code: "NOT_IMPLEMENTED",
        message: "the legacy call for rate limits is not supported by this serving plane; set rate_limits with PUT "
          + "/api/2.0/serving-endpoints/NAME/ai-gateway")
    }
  }
}
