import CanonicalJSON
import HTTPSupport
import HTTPTypes
package import Hummingbird
package import NIOCore

/// A request context that knows the client's connection, so that the gateway notices when the client leaves.
package protocol ConnectionContext: RequestContext {
  var channel: any Channel { get }
}

/// The minimal such context.
package struct GatewayContext: ConnectionContext {
  package var coreContext: CoreRequestContextStorage
  package let channel: any Channel

  package init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}

/// The query routes: each request for a model finds a replica through its endpoint's admission, and the replica's
/// response is passed on, streams chunk by chunk.
package struct Gateway: Sendable {
  private let directory: any EndpointDirectory
  private let authorize: @Sendable (_ token: String) -> Bool
  private let relay: QueryRelay

  /// - Parameters:
  ///   - authorize: whether a token may query; it compares in constant time.
  ///   - record: receives one record for each request, from any thread, and must not block.
  package init(
    directory: any EndpointDirectory, limits: GatewayLimits = GatewayLimits(),
    authorize: @escaping @Sendable (_ token: String) -> Bool,
    record: @escaping @Sendable (RequestRecord) -> Void
  ) {
    self.directory = directory
    self.authorize = authorize
    relay = QueryRelay(limits: limits, record: record)
  }

  /// Mounts the routes. A trailing slash in a path is ignored. They are fastest in a server that handles requests on
  /// the connection's event loop.
  package func addRoutes<Context: ConnectionContext>(to router: some RouterMethods<Context>) {
    router.post("/serving-endpoints/{name}/invocations") { request, context in
      let name = context.parameters.get("name") ?? ""
      return await answer(request, context, .endpoint(name, entity: nil))
    }
    router.post("/serving-endpoints/{name}/served-models/{entity}/invocations") { request, context in
      let name = context.parameters.get("name") ?? ""
      return await answer(request, context, .endpoint(name, entity: context.parameters.get("entity")))
    }
    // Otherwise the list of models would hide an endpoint of this name.
    router.post("/serving-endpoints/models/invocations") { request, context in
      await answer(request, context, .endpoint("models", entity: nil))
    }
    for base in ["/serving-endpoints", "/v1"] {
      for path in OpenAIPath.allCases {
        router.post("\(base)/\(path.rawValue)") { request, context in
          await answer(request, context, .openAI(path))
        }
      }
      router.get("\(base)/models") { request, _ in models(request) }
      router.get("\(base)/models/{id}") { request, context in model(request, context.parameters.get("id") ?? "") }
    }
  }

  private func answer(_ request: Request, _ context: some ConnectionContext, _ target: QueryTarget) async -> Response {
    let query = Query(request: request, target: target, channel: context.channel, record: relay.record)
    do {
      guard isAuthorized(request) else { throw GatewayError.unauthenticated }
      return try await relay.answer(query, directory: directory)
    } catch {
      return query.refuse(error)
    }
  }

  private func isAuthorized(_ request: Request) -> Bool {
    AccessToken.read(fromAuthorization: request.headers[.authorization]).map(authorize) ?? false
  }

  private func models(_ request: Request) -> Response {
    guard isAuthorized(request) else { return response(to: .unauthenticated, requestID: nil) }
    return .json(["object": "list", "data": .array(directory.endpoints.map(\.model))])
  }

  private func model(_ request: Request, _ id: String) -> Response {
    guard isAuthorized(request) else { return response(to: .unauthenticated, requestID: nil) }
    guard let endpoint = directory.endpoint(named: id) else {
      return response(to: .unknownEndpoint(id, among: directory.endpoints, param: "model"), requestID: nil)
    }
    return .json(endpoint.model)
  }
}

extension QueryableEndpoint {
  /// The endpoint as an entry of OpenAI's list of models.
  fileprivate var model: JSONValue {
    ["id": .string(name), "object": "model", "created": .int(created), "owned_by": "setpoint"]
  }
}

extension Response {
  fileprivate static func json(_ value: JSONValue) -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.bytes())))
  }
}

/// The OpenAI calls, by the ends of their paths.
enum OpenAIPath: String, CaseIterable, Sendable {
  case chat = "chat/completions"
  case completions
  case embeddings
}

/// The target that a request's path names.
enum QueryTarget: Hashable, Sendable {
  /// Databricks style: the endpoint is in the path, optionally pinned to one served entity; the shape of the body
  /// determines the task.
  case endpoint(String, entity: String?)
  /// OpenAI style: the task is in the path, the endpoint in `model`.
  case openAI(OpenAIPath)

  var route: String {
    switch self {
    case .endpoint: "invocations"
    case .openAI(let path): path.rawValue
    }
  }

  /// The replica's path for it.
  func upstreamPath(for task: QueryBody.Task?) -> String {
    switch (self, task) {
    case (.openAI(let path), _): "/v1/\(path.rawValue)"
    case (.endpoint, .chat): "/v1/chat/completions"
    case (.endpoint, .completion): "/v1/completions"
    case (.endpoint, .embedding): "/v1/embeddings"
    // Unknown shape: the server's own error message is the best response.
    case (.endpoint, nil): "/invocations"
    }
  }
}

/// A gateway error as a response.
func response(to error: GatewayError, requestID: String?) -> Response {
  var headers: HTTPFields = [.contentType: "application/json"]
  if let requestID { headers[.requestID] = requestID }
  if let seconds = error.retryAfter { headers[.retryAfter] = String(seconds) }
  if error.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
  if !error.mayBeRepeated { headers[.shouldRetry] = "false" }
  return Response(
    status: .init(code: error.status), headers: headers,
    body: .init(byteBuffer: ByteBuffer(bytes: error.json.bytes())))
}
