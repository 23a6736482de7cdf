import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import LibCurl
import Logging
import Telemetry
import Testing

@testable import ServingPlane

/// A server with the calls that read telemetry. A caller's token is its name.
struct TelemetryCallHarness: Sendable {
  /// The store's present, in milliseconds since 1970.
  static let now: Int64 = 1_764_590_400_000

  let data = TestData()
  let store: TelemetryStore

  init() throws {
    store = try TelemetryStore(
      path: data.path + "/telemetry.sqlite", retention: .standard, maximumSize: 1 << 30,
      now: { Self.now * 1_000_000 })
  }

  /// - Parameter age: how many milliseconds ago it arrived.
  func add(
    _ id: String, age: Int64 = 0, principal: String? = "ci", endpoint: String = "chat", version: String? = "1",
    status: Int = 200, error: String? = nil, latency: Double = 10, tokens: (Int64, Int64)? = nil
  ) {
    var row = RequestRow(requestID: id, time: Self.now - age, route: "chat/completions", status: status)
    row.principal = principal
    row.endpoint = endpoint
    row.modelVersion = version
    row.errorCode = error
    row.latency = latency
    row.tokensIn = tokens?.0
    row.tokensOut = tokens?.1
    row.isStream = true
    row.metadata = ["team": "a"]
    store.add(.request(row))
  }

  /// Runs the server while a closure makes calls.
  ///
  /// - Parameters:
  ///   - isOn: whether the server has telemetry.
  ///   - maximumBytes: of an answer to SQL.
  func run(
    isOn: Bool = true, maximumBytes: Int = 32 << 20,
    _ body: @escaping @Sendable (TelemetryCaller) async throws -> Void
  ) async throws {
    let authorizer = NamedAuthorizer()
    let router = Router(context: PlaneContext.self)
    router.add(middleware: ErrorMiddleware(authorizer: authorizer, methods: AllowedMethods()))
    router.add(middleware: CallerMiddleware(authorizer: authorizer))
    TelemetryCalls(
      telemetry: isOn ? store : nil, authorizer: authorizer, body: CallBody(limit: 1 << 20), maximumBytes: maximumBytes
    ) { name in
      if name == "absent" { throw APIError.noEndpoint(name) }
    }.addRoutes(to: router)
    let socket = try BoundSocket.tcp(host: "127.0.0.1", port: 0)
    let port = try #require(socket.port)
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let server = SocketServer(responder: router.buildResponder(), clients: ClientConnections(), logger: quiet)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await server.run(on: [socket]) {}
        return false
      }
      group.addTask {
        try await body(TelemetryCaller(url: "http://127.0.0.1:\(port)"))
        return true
      }
      defer { group.cancelAll() }
      while let isOver = try await group.next(), !isOver {}
    }
  }
}

/// Calls by name.
struct TelemetryCaller: Sendable {
  let url: String

  func call(
    _ method: String, _ path: String, _ body: JSONValue? = nil, as name: String = "admin"
  ) async throws -> PlaneClient.ClientResponse {
    let client = PlaneClient(url: url, token: name)
    let response: Result<PlaneClient.ClientResponse, any Error>
    do { response = .success(try await client.call(method, path, body)) } catch { response = .failure(error) }
    await client.http.shutdown()
    return try response.get()
  }

  func sql(_ statement: String, _ more: [String: JSONValue] = [:]) async throws -> PlaneClient.ClientResponse {
    try await call(
      "POST", "/api/setpoint/sql", .object(more.merging(["statement": .string(statement)]) { $1 }))
  }

  /// The IDs of an endpoint's requests.
  func requests(_ query: String = "", of endpoint: String = "chat", as name: String = "admin") async throws -> [String]
  {
    let response = try await call("GET", "/api/setpoint/serving-endpoints/\(endpoint)/requests?\(query)", as: name)
    return (response.json["requests"]?.arrayValue ?? []).compactMap { $0["request_id"]?.stringValue }
  }

  func usage(_ query: String, as name: String = "admin") async throws -> [JSONValue] {
    try await call("GET", "/api/setpoint/usage?\(query)", as: name).json["rows"]?.arrayValue ?? []
  }
}

/// Knows `admin`, `owner`, who manages the endpoint `chat`, and `ci`, who may query everything.
private struct NamedAuthorizer: Authorizer {
  private static let principals = [
    "admin": Principal(name: "admin", rights: .admin),
    "owner": Principal(name: "owner", rights: TokenRights(.manage, endpoints: ["chat"])),
    "ci": Principal(name: "ci", rights: TokenRights(.query)),
  ]

  func principal(authorization: String?) throws(AccessTokenDigest.Refusal) -> Principal {
    guard let name = AccessToken.read(fromAuthorization: authorization), let principal = Self.principals[name] else {
      throw .wrong
    }
    return principal
  }

  func level(of principal: Principal, on endpoint: String) -> EndpointLevel? { principal.rights.level(on: endpoint) }
}

private struct CallerMiddleware: RouterMiddleware {
  typealias Context = PlaneContext

  let authorizer: any Authorizer

  func handle(
    _ request: Request, context: PlaneContext, next: (Request, PlaneContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    context.principal = try authorizer.admit(request.headers[.authorization])
    return try await next(request, context)
  }
}
