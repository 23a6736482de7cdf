import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore
import ServingAPI

/// The body of a call.
struct CallBody {
  let limit: Int
  /// Checks the sender again when the body has arrived, which may take long; nil for not at all.
  var authorizer: (any Authorizer)? = nil

  /// The body as an object of the API.
  ///
  /// - Throws: ``APIError``, also if the sender's token was revoked or has expired meanwhile.
  func read<Object: WireObject>(_ request: Request, as type: Object.Type = Object.self) async throws -> Object {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
      throw APIError(
        status: 413, code: "BAD_REQUEST",
        message: "the request body is larger than \(limit) bytes, the limit of this call")
    }
    var request = request
    let buffer = try await request.collectBody(upTo: limit)
    if let authorizer { _ = try authorizer.admit(request.headers[.authorization]) }
    guard buffer.readableBytes > 0 else { return Object() }
    let value: JSONValue
    do { value = try JSONValue(parsing: Array(buffer.readableBytesView)) } catch {
      throw APIError(status: 400, code: "MALFORMED_REQUEST", message: "the request body is \(error)")
    }
    if let key = value.alikeKey {
      throw APIError(
        status: 400, code: "MALFORMED_REQUEST",
        message: "the request body has an object with two keys that differ only in their Unicode form: \"\(key)\"")
    }
    guard let object = Object(value) else {
      throw APIError(status: 400, code: "MALFORMED_REQUEST", message: "the request body must be a JSON object")
    }
    return object
  }
}

extension PlaneContext {
  /// A path parameter, decoded, so that messages show a name as it was given. Code that builds a file path from it must
  /// validate it first (`ModelName`).
  func path(_ name: String) -> String { PercentEncoding.decode(parameters.get(name) ?? "") }
}

/// The calls about endpoints (serving-api.md 1.1), and calls of the plane's own that change nothing: an endpoint's
/// replicas, their events, and the forecast for a config.
struct EndpointCalls: Sendable {
  let endpoints: ServingEndpoints
  let authorizer: PlaneAuthorizer
  let body: CallBody

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let base: RouterPath = "/api/2.0/serving-endpoints"
    router.post(base) { request, context in
      try await shown(endpoints.create(body.read(request), by: context.sender), to: context)
    }
    router.get(base) { _, context in
      let principal = try context.sender
      let list = await endpoints.list { authorizer.level(of: principal, on: $0) != nil }
      let shown = list.endpoints.map { $0.shown(to: principal, authorizer.level(of: principal, on: $0.name ?? "")) }
      return Response.json(WireEndpointList(endpoints: shown).json)
    }
    router.get("\(base)/{name}") { _, context in
      try await shown(endpoints.get(context.path("name")), to: context)
    }
    router.delete("\(base)/{name}") { _, context in
      try await endpoints.delete(context.path("name"), by: context.principal?.name)
      return Response.json([:])
    }
    router.put("\(base)/{name}/config") { request, context in
      try await shown(endpoints.update(context.path("name"), to: body.read(request), by: context.sender), to: context)
    }
    router.patch("\(base)/{name}/tags") { request, context in
      Response.json(try await endpoints.changeTags(context.path("name"), body.read(request)).json)
    }
    router.get("\(base)/{name}/served-models/{entity}/logs") { _, context in
      Response.json(try await endpoints.logs(context.path("name"), entity: context.path("entity")).json)
    }
    router.get("\(base)/{name}/served-models/{entity}/build-logs") { _, context in
      Response.json(try await endpoints.buildLogs(context.path("name"), entity: context.path("entity")).json)
    }
    router.get("/api/setpoint/serving-endpoints/{name}/replicas") { _, context in
      Response.json(try await endpoints.replicaList(context.path("name")).json)
    }
    router.get("/api/setpoint/serving-endpoints/{name}/events") { _, context in
      let (name, principal) = (context.path("name"), try context.sender)
      let view = MessageView(principal, authorizer.level(of: principal, on: name))
      let events = try await endpoints.eventList(name).events.map { event in
        var event = event
        event[text: "message"] = view.shown(event.message)
        return event
      }
      return Response.json(WireReplicaEventList(events: events).json)
    }
    router.post("/api/setpoint/serving-endpoints/{name}/forecast") { request, context in
      let (name, principal) = (context.path("name"), try context.sender)
      let forecast = await endpoints.forecast(name, of: try await body.read(request), by: principal)
      let view = MessageView(principal, authorizer.level(of: principal, on: name))
      var wire = WireRolloutForecast(forecast)
      wire[text: "refusal"] = wire[text: "refusal"].map(view.shown)
      return Response.json(wire.json)
    }
    SettingsCalls(endpoints: endpoints, body: body).addRoutes(to: router)
    refuseTheRest(router, base)
  }

  /// An endpoint as its caller sees it.
  private func shown(_ endpoint: WireEndpoint, to context: PlaneContext) throws(APIError) -> Response {
    let principal = try context.sender
    // It may have been deleted meanwhile.
    let level = authorizer.level(of: principal, on: endpoint.name ?? "") ?? .view
    var shown = endpoint.shown(to: principal, level)
    shown.permissionLevel = level.word
    return .json(shown.json)
  }

  /// Routes for the calls that the protocol has and this plane does not; each response names its call.
  private func refuseTheRest(_ router: some RouterMethods<PlaneContext>, _ base: RouterPath) {
    let calls: [(HTTPRequest.Method, RouterPath, String)] = [
      (.patch, "\(base)/{name}/system-metrics-export-state", "exporting system metrics"),
      (.post, "\(base)/{name}/config:stop", "stopping an endpoint"),
      (.post, "\(base)/{name}/config:start", "starting an endpoint"),
      (.post, "\(base)/pt", "provisioned throughput"), (.put, "\(base)/pt/{name}/config", "provisioned throughput"),
      (.get, "\(base)/{name}/openapi", "showing a model's schema"),
    ]
    for (method, path, what) in calls {
      router.on(path, method: method) { _, _ -> Response in throw APIError.unsupported(what) }
    }
  }
}

/// The metadata that databricks-sdk requests from a host first, without a token (serving-api.md 1.6); without a
/// response it prints a warning for each client. There is no OIDC here, so no address is given for it. `served_by`
/// tells Setpoint's own commands that this is a plane (`PlaneIdentification` in ServingAPI).
struct HostMetadataCalls: Sendable {
  /// The data directory's ID.
  let planeID: String

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.get("/.well-known/databricks-config") { _, _ in
      Response.json(["workspace_id": .string(workspaceID), "served_by": "setpoint"])
    }
  }

  /// A numeric workspace ID.
  private var workspaceID: String {
    let number = planeID.utf8.reduce(0 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return String(number % 1_000_000_000_000_000)
  }
}

/// The identity of the caller, for clients that request it. The holder of the plane's own token is the user who runs
/// the plane.
struct IdentityCalls: Sendable {
  /// The user who runs the plane.
  let user: String

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    router.get("/api/2.0/preview/scim/v2/Me") { _, context in
      let principal = try context.sender
      let name = principal.name == PlaneAuthorizer.adminName ? user : principal.name
      return Response.json([
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1", "userName": .string(name),
        "displayName": .string(name), "active": true, "emails": [["value": .string(name), "primary": true]],
        "groups": .array(principal.groups.sorted().map { ["display": .string($0)] }),
      ])
    }
  }
}
