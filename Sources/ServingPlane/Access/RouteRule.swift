import HTTPSupport
import HTTPTypes

/// Who may call a route of the plane.
enum RouteRule: Hashable, Sendable {
  /// Anybody, without a token.
  case open
  /// Every principal. What the call returns or changes depends on who calls.
  case everyone
  /// Principals with this level on the endpoint that the path names.
  case endpoint(EndpointLevel)
  /// The same; the path has the endpoint's ID.
  case endpointID(EndpointLevel)
  /// Principals whose token has this level on everything.
  case all(TokenLevel)
  /// Principals who may see the registered models: those that may manage an endpoint, or see all of them.
  case readModels
}

extension RouteRule {
  /// A route: the method, and the path with a name in braces for each variable segment.
  struct Route: Hashable, Sendable {
    let method: HTTPRequest.Method
    let path: String

    init(_ method: HTTPRequest.Method, _ path: String) {
      self.method = method
      self.path = path
    }
  }

  /// The rule of each route. A route that is not listed is refused to everybody, and fails a test.
  static let table: [Route: RouteRule] = {
    let endpoints = "/api/2.0/serving-endpoints"
    let endpoint = "\(endpoints)/{name}"
    let own = "/api/setpoint/serving-endpoints/{name}"
    let models = "/api/2.1/unity-catalog/models"
    let permissions = "/api/2.0/permissions/serving-endpoints/{id}"
    return [
      Route(.get, "/health"): .open,
      Route(.get, "/.well-known/databricks-config"): .open,
      Route(.get, "/api/2.0/preview/scim/v2/Me"): .everyone,
      Route(.get, "/metrics"): .all(.view),

      Route(.post, endpoints): .all(.manage),
      Route(.get, endpoints): .everyone,
      Route(.get, endpoint): .endpoint(.view),
      Route(.delete, endpoint): .endpoint(.manage),
      Route(.put, "\(endpoint)/config"): .endpoint(.manage),
      Route(.patch, "\(endpoint)/tags"): .endpoint(.manage),
      Route(.put, "\(endpoint)/ai-gateway"): .endpoint(.manage),
      Route(.put, "\(endpoint)/rate-limits"): .endpoint(.manage),
      Route(.patch, "\(endpoint)/notifications"): .endpoint(.manage),
      Route(.patch, "\(endpoint)/telemetry-config"): .endpoint(.manage),
      Route(.patch, "\(endpoint)/system-metrics-export-state"): .endpoint(.manage),
      Route(.post, "\(endpoint)/config:stop"): .endpoint(.manage),
      Route(.post, "\(endpoint)/config:start"): .endpoint(.manage),
      Route(.post, "\(endpoints)/pt"): .all(.manage),
      Route(.put, "\(endpoints)/pt/{name}/config"): .endpoint(.manage),
      Route(.get, "\(endpoint)/metrics"): .endpoint(.view),
      Route(.get, "\(endpoint)/openapi"): .endpoint(.view),
      // Their text may repeat what callers have sent.
      Route(.get, "\(endpoint)/served-models/{entity}/logs"): .endpoint(.manage),
      Route(.get, "\(endpoint)/served-models/{entity}/build-logs"): .endpoint(.manage),

      Route(.get, permissions): .endpointID(.manage),
      Route(.put, permissions): .endpointID(.manage),
      Route(.patch, permissions): .endpointID(.manage),
      Route(.get, "\(permissions)/permissionLevels"): .endpointID(.view),

      Route(.get, "\(own)/replicas"): .endpoint(.view),
      Route(.get, "\(own)/events"): .endpoint(.view),
      // It says what the machine has room for, and so what others use.
      Route(.post, "\(own)/forecast"): .endpoint(.manage),
      Route(.get, "\(own)/evidence"): .endpoint(.view),
      Route(.get, "\(own)/figures"): .endpoint(.view),
      // Everybody sees their own requests, those who manage the endpoint see all.
      Route(.get, "\(own)/requests"): .endpoint(.query),
      Route(.get, "\(own)/logs"): .endpoint(.manage),
      Route(.get, "/api/setpoint/top"): .everyone,
      Route(.get, "/api/setpoint/usage"): .everyone,
      Route(.post, "/api/setpoint/sql"): .all(.manage),
      Route(.post, "/api/setpoint/backup"): .all(.admin),
      Route(.get, "/api/setpoint/tokens"): .all(.admin),
      Route(.post, "/api/setpoint/tokens"): .all(.admin),
      Route(.delete, "/api/setpoint/tokens/{token}"): .all(.admin),
      // Everybody may rotate their own.
      Route(.post, "/api/setpoint/tokens/{token}/rotate"): .everyone,

      Route(.get, models): .readModels,
      Route(.get, "\(models)/{model}"): .readModels,
      Route(.get, "\(models)/{model}/versions"): .readModels,
      Route(.get, "\(models)/{model}/versions/{version}"): .readModels,
      Route(.get, "\(models)/{model}/aliases/{alias}"): .readModels,
      // Registered models start programs.
      Route(.post, "\(models)/{model}/versions"): .all(.manage),
      Route(.delete, "\(models)/{model}/versions/{version}"): .all(.manage),
      Route(.post, "\(models):gc"): .all(.manage),
      Route(.put, "\(models)/{model}/aliases/{alias}"): .all(.manage),
      Route(.delete, "\(models)/{model}/aliases/{alias}"): .all(.manage),
    ]
  }()
}
