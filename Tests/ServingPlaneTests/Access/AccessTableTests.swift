import CanonicalJSON
import Gateway
import HTTPSupport
import HTTPTypes
import Hummingbird
import LibCurl
import Logging
import Testing

@testable import ServingPlane

/// Who may make which call, for every route of the plane's listener: the routes come from the router and the gateway
/// themselves, so a route without a rule fails here.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AccessTableTests {
  /// What a call meets.
  enum Verdict: Hashable { case unauthenticated, hidden, denied, admitted }

  /// A sender, and what it may do.
  struct Caller: Sendable {
    let name: String
    let client: PlaneClient
    var isKnown = true
    /// The level on everything.
    var all: TokenLevel?
    /// The level on each endpoint; none for an endpoint that it may not know of.
    var levels: [String: EndpointLevel] = [:]
    var readsModels = false

    func call(_ method: String, _ path: String, _ body: JSONValue?) async throws -> PlaneClient.ClientResponse {
      var headers = [
        LibCurl.HTTPField("Content-Type", "application/json"), LibCurl.HTTPField("X-Setpoint-Max-Wait", "0"),
      ]
      if !client.token.isEmpty { headers.append(LibCurl.HTTPField("Authorization", "Bearer \(client.token)")) }
      return try await client.call(method, path, body, headers: headers)
    }
  }

  private static let targets = ["a", "b"]

  /// Returns the routes of a plane's API, as its own router lists them.
  private func routes(mlflow: Bool = false) async throws -> [RouteRule.Route] {
    let data = TestData()
    var settings = data.settings
    if mlflow { settings.mlflow = MLflowStub().server }
    let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let service = PlaneService(settings, log: log)
    let directory = try DataDirectory(settings)
    let (models, probes, gate) = (service.makeModels(), ReplicaProbes(), ChangeGate())
    let endpoints = try await service.endpoints(models.source, service.makeLauncher(), probes)
    let tokens = try await service.tokens(directory, endpoints)
    var registrations: ModelRegistrations?
    if case .directory(let own) = models { registrations = ModelRegistrations(models: own, gate: gate, log: log) }
    let client = HTTPClient(configuration: HTTPClientConfiguration(proxy: .none))
    let router = service.router(
      endpoints, models, registrations, tokens, relay: TakeoverRelay(gate: gate, client: client))
    let routes = router.routes.map { RouteRule.Route($0.method, $0.path.description) }
    await client.shutdown()
    await probes.shutdown()
    withExtendedLifetime(data) {}
    return routes
  }

  /// The rule of a route of the gateway; nil for one that this table does not know.
  private static func gatewayRule(_ method: String, _ path: String) -> RouteRule? {
    switch method {
    case "GET" where path.hasSuffix("/models"): .everyone
    case "GET" where path.hasSuffix("/models/{id}"): .endpoint(.view)
    case "POST" where queryPaths.contains(where: { path.hasSuffix($0) }): .endpoint(.query)
    default: nil
    }
  }

  private static let queryPaths = ["/invocations", "/generate", "completions", "/embeddings"]

  private static func expected(_ rule: RouteRule, _ caller: Caller, on target: String) -> Verdict {
    if rule == .open { return .admitted }
    guard caller.isKnown else { return .unauthenticated }
    switch rule {
    case .open, .everyone: return .admitted
    case .endpoint(let needed), .endpointID(let needed):
      guard let level = caller.levels[target] else { return .hidden }
      return level >= needed ? .admitted : .denied
    case .all(let needed): return caller.all.map { $0 >= needed } ?? false ? .admitted : .denied
    case .readModels: return caller.readsModels ? .admitted : .denied
    }
  }

  private static func verdict(_ answer: PlaneClient.ClientResponse) -> Verdict {
    let hidden = answer.message.hasPrefix("Endpoint with ") || answer.message.hasPrefix("no serving endpoint ")
    return switch answer.status {
    case 401: .unauthenticated
    case 403: .denied
    case 404 where hidden: .hidden
    default: .admitted
    }
  }

  /// All kinds of principals. On endpoint a, a query is granted to one of them, and a change to a group.
  private static func callers(_ admin: PlaneClient) async throws -> [Caller] {
    func both(_ level: EndpointLevel) -> [String: EndpointLevel] { ["a": level, "b": level] }
    return [
      Caller(name: "-", client: admin.with(""), isKnown: false),
      Caller(name: "invalid", client: admin.with("spt_invalid"), isKnown: false),
      Caller(name: "admin", client: admin, all: .admin, levels: both(.manage), readsModels: true),
      Caller(
        name: "manager", client: try await admin.tokenHolder("manager", can: "manage"), all: .manage,
        levels: both(.manage), readsModels: true),
      Caller(
        name: "manager-a", client: try await admin.tokenHolder("manager-a", can: "manage", endpoints: ["a"]),
        levels: ["a": .manage], readsModels: true),
      Caller(
        name: "caller", client: try await admin.tokenHolder("caller", can: "query"), all: .query, levels: both(.query),
        readsModels: true),
      Caller(
        name: "caller-a", client: try await admin.tokenHolder("caller-a", can: "query", endpoints: ["a"]),
        levels: ["a": .query]),
      Caller(
        name: "viewer", client: try await admin.tokenHolder("viewer", can: "view"), all: .view, levels: both(.view),
        readsModels: true),
      Caller(
        name: "viewer-a", client: try await admin.tokenHolder("viewer-a", can: "view", endpoints: ["a"]),
        levels: ["a": .view]),
      Caller(
        name: "granted@example.com", client: try await admin.tokenHolder("granted@example.com", can: "none"),
        levels: ["a": .query]),
      Caller(
        name: "member", client: try await admin.tokenHolder("member", can: "none", groups: ["team"]),
        levels: ["a": .manage], readsModels: true),
      Caller(name: "nobody", client: try await admin.tokenHolder("nobody", can: "none")),
    ]
  }

  /// Creates the endpoints that are missing, with their grants.
  ///
  /// - Returns: the IDs by name.
  private static func prepare(_ admin: PlaneClient, _ ids: [String: String] = [:]) async throws -> [String: String] {
    var ids = ids
    for name in targets where ids[name] == nil {
      let id = try await admin.createEmpty(name)
      ids[name] = id
      guard name == "a" else { continue }
      let granted = try await admin.grant(
        [("user_name", "granted@example.com", "CAN_QUERY"), ("group_name", "team", "CAN_MANAGE")], on: id)
      try #require(granted.status == 200, "\(granted.text)")
    }
    return ids
  }

  @Test(arguments: [false, true])
  func `every route has a rule`(mlflow: Bool) async throws {
    let routes = try await routes(mlflow: mlflow)
    #expect(routes.count > 30)
    for route in routes { #expect(RouteRule.table[route] != nil, "\(route.method) \(route.path) has no rule") }
    for route in Gateway.routes { #expect(Self.gatewayRule(route.method, route.path) != nil, "\(route)") }
  }

  @Test func `every principal gets from every route of the API what its rights say, and nothing else`() async throws {
    let routes = try await routes()
    let data = TestData()
    try await withPlane(data) { admin in
      var ids = try await Self.prepare(admin)
      let callers = try await Self.callers(admin)
      for route in routes {
        guard let rule = RouteRule.table[route] else { continue }
        let targets = route.path.contains("{name}") || route.path.contains("{id}") ? Self.targets : ["a"]
        for (caller, target) in callers.flatMap({ caller in targets.map { (caller, $0) } }) {
          let values = [
            "name": target, "id": ids[target] ?? "", "entity": "e", "model": "m", "version": "1", "alias": "x",
            "token": route.path.hasSuffix("/rotate") ? caller.name : "unknown",
          ]
          let answer = try await caller.call(route.method.rawValue, Self.path(route.path, values), Self.body(route))
          let expected = Self.expected(rule, caller, on: target)
          #expect(
            Self.verdict(answer) == expected,
            "\(route.method) \(route.path) of \(target) by \(caller.name): \(answer.text)")
          if answer.status == 200, route == RouteRule.Route(.delete, "/api/2.0/serving-endpoints/{name}") {
            ids[target] = nil
            ids = try await Self.prepare(admin, ids)
          }
        }
      }
    }
  }

  @Test func `every principal gets from every route of the gateway what its rights say`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      _ = try await Self.prepare(admin)
      let callers = try await Self.callers(admin)
      for (method, path) in Gateway.routes {
        let rule = try #require(Self.gatewayRule(method, path), "\(method) \(path)")
        for (caller, target) in callers.flatMap({ caller in Self.targets.map { (caller, $0) } }) {
          let body: JSONValue? =
            switch (method, path.hasSuffix("/generate")) {
            case ("GET", _): nil
            case (_, true): ["prompt": "Hi"]
            case (_, false): ["model": .string(target), "messages": [["role": "user", "content": "Hi"]]]
            }
          let answer = try await caller.call(
            method, Self.path(path, ["name": target, "id": target, "entity": "e"]), body)
          #expect(
            Self.verdict(answer) == Self.expected(rule, caller, on: target),
            "\(method) \(path) of \(target) by \(caller.name): \(answer.text)")
          // Nothing names an endpoint that the caller may not see.
          guard caller.isKnown, method == "GET", path.hasSuffix("/models") else { continue }
          let listed = (answer.json["data"]?.arrayValue ?? []).compactMap { $0["id"]?.stringValue }
          #expect(listed == caller.levels.keys.sorted(), "\(caller.name)")
        }
      }
    }
  }

  @Test func `a hidden endpoint is reported word for word like one that does not exist`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      _ = try await Self.prepare(admin)
      let caller = try await admin.tokenHolder("caller", can: "query", endpoints: ["a"])
      let base = "/api/2.0/serving-endpoints"
      for (method, path) in [
        ("GET", ""), ("DELETE", ""), ("PUT", "/config"), ("PATCH", "/tags"), ("GET", "/served-models/e/logs"),
      ] {
        let hidden = try await caller.call(method, "\(base)/b\(path)", [:])
        let missing = try await caller.call(method, "\(base)/c\(path)", [:])
        #expect(hidden.status == 404)
        #expect(hidden.text == missing.text.replacing("'c'", with: "'b'"))
      }
      let query: JSONValue = ["messages": [["role": "user", "content": "Hi"]]]
      let hidden = try await caller.call("POST", "/serving-endpoints/b/invocations", query)
      let missing = try await caller.call("POST", "/serving-endpoints/c/invocations", query)
      #expect(hidden.status == 404)
      #expect(hidden.text == missing.text.replacing("\\\"c\\\"", with: "\\\"b\\\""))
      #expect(hidden.message == "no serving endpoint \"b\"; available: \"a\"")
    }
  }

  private static func path(_ path: String, _ values: [String: String]) -> String {
    values.reduce(path) { $0.replacing("{\($1.key)}", with: $1.value) }
  }

  /// A body that changes nothing of what the table needs.
  private static func body(_ route: RouteRule.Route) -> JSONValue? {
    if route.method == .get || route.method == .delete { return nil }
    if route.path.hasSuffix("/rotate") { return ["overlap_seconds": 600] }
    if route.path.contains("/permissions/") { return ["access_control_list": [[:]]] }
    return [:]
  }
}
