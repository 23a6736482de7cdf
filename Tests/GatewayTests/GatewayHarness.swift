import CanonicalJSON
import EventFlags
import HTTPSupport
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Scheduling
import Synchronization
import Testing

@testable import Gateway

/// Runs a server on a free port while a closure runs.
func withServer<Context: RequestContext, Value: Sendable>(
  _ router: Router<Context>,
  _ body: @escaping @Sendable (_ port: Int) async throws -> Value
) async throws -> Value where Context.Source == ApplicationRequestContextSource {
  let (ports, announce) = AsyncStream<Int>.makeStream()
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let application = Application(
    router: router,
    configuration: .init(address: .hostname("127.0.0.1", port: 0), backlog: 4096),
    onServerRunning: { channel in
      announce.yield(channel.localAddress?.port ?? 0)
      announce.finish()
    }, logger: logger)
  return try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask {
      try await application.run()
      return nil
    }
    group.addTask {
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      return try await body(port)
    }
    defer { group.cancelAll() }
    while let value = try await group.next() { if let value { return value } }
    throw CancellationError()
  }
}

/// A gateway with one endpoint, `chat`, whose only entity with traffic is `m-1`; and a record of its results.
final class GatewayHarness: Sendable {
  let table = EndpointTable()
  let admission: EndpointAdmission
  let rules = QueryRules()
  private let log: Log
  final class Log: Sendable {
    let records = Mutex<[RequestRecord]>([])
    let wakes = Mutex(0)
    let troubles = Mutex<[String]>([])
  }

  var records: [RequestRecord] { log.records.withLock { $0 } }
  var wakes: Int { log.wakes.withLock { $0 } }
  var troubles: [String] { log.troubles.withLock { $0 } }
  let limits: GatewayLimits
  let clients: ClientConnections
  private let authorizer: any Authorizer

  init(
    policy: AdmissionPolicy = AdmissionPolicy(), limits: GatewayLimits = GatewayLimits(),
    clients: ClientLimits = ClientLimits(), heldBytes: HeldBytes? = nil,
    authorizer: any Authorizer = TokenAuthorizer(
      token: AccessTokenDigest(token: "secret"), holder: Principal(name: "tester")),
    redact: @escaping @Sendable (_ text: String, _ replica: String) async -> String = { text, _ in text }
  ) {
    self.limits = limits
    self.authorizer = authorizer
    self.clients = ClientConnections(clients) { authorization, _ in authorization != nil }
    let log = Log()
    self.log = log
    admission = EndpointAdmission(
      policy: policy, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), heldBytes: heldBytes, chance: { 0.5 },
      demand: { log.wakes.withLock { $0 += 1 } },
      trouble: { replica in log.troubles.withLock { $0.append(replica) } }, redact: redact)
    admission.setTraffic([("m-1", 100)])
    table.insert(QueryableEndpoint(name: "chat", created: 1_700_000_000, admission: admission, rules: rules))
  }

  /// Marks a replica that listens on `port` as ready.
  func ready(
    _ id: String, port: Int, entity: String = "m-1", version: String = "1", capacity: Int = 4, modelName: String? = "m",
    models: [String] = []
  ) {
    admission.replicaReady(
      UpstreamReplica(
        id: id, entity: entity, version: version, address: .tcp(host: "127.0.0.1", port: port), capacity: capacity,
        modelName: modelName, models: models))
  }

  func makeGateway() -> Gateway {
    Gateway(directory: table, limits: limits, authorizer: authorizer) { [log] record in
      log.records.withLock { $0.append(record) }
    }
  }

  /// Runs a plane's server with the gateway while a closure runs.
  func run<Value: Sendable>(_ body: @escaping @Sendable (TestClient) async throws -> Value) async throws -> Value {
    try await run { client, _ in try await body(client) }
  }

  func run<Value: Sendable>(
    _ body: @escaping @Sendable (TestClient, SocketServer) async throws -> Value
  ) async throws -> Value {
    let gateway = makeGateway()
    let socket = try BoundSocket.tcp(host: "127.0.0.1", port: 0)
    let port = try #require(socket.port)
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let server = SocketServer(
      responder: Router().buildResponder(), clients: clients, makeHandler: { gateway.makeHandler() }, logger: quiet)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        try await server.run(on: [socket]) {}
        return nil
      }
      group.addTask { try await body(TestClient(port: port), server) }
      defer { group.cancelAll() }
      while let value = try await group.next() { if let value { return value } }
      throw CancellationError()
    }
  }

  var lastRecord: RequestRecord? { records.last }
}

/// A replica inside the test: it answers with a closure, and counts its requests, in total and in flight.
final class ScriptedReplica: Sendable {
  struct Load: Sendable {
    var now = 0
    var most = 0
    var total = 0
  }

  private let received = Mutex(Received())
  private struct Received {
    var load = Load()
    var bodies: [String] = []
    var heads: [HTTPRequest] = []
  }

  var load: Load { received.withLock(\.load) }
  var bodies: [String] { received.withLock(\.bodies) }
  var heads: [HTTPRequest] { received.withLock(\.heads) }

  func run<Value: Sendable>(
    answer: @escaping @Sendable (Request) async throws -> Response,
    _ body: @escaping @Sendable (_ port: Int) async throws -> Value
  ) async throws -> Value {
    let router = Router()
    router.post("**") { [self] request, _ -> Response in
      var request = request
      let bytes = try await request.collectBody(upTo: 64 << 20)
      let head = request.head
      received.withLock { received in
        received.heads.append(head)
        received.bodies.append(String(buffer: bytes))
        received.load.now += 1
        received.load.total += 1
        received.load.most = max(received.load.most, received.load.now)
      }
      defer { received.withLock { $0.load.now -= 1 } }
      return try await answer(request)
    }
    return try await withServer(router, body)
  }

  /// A chat completion that says `text`.
  static func completion(_ text: String) -> Response {
    let json: JSONValue = [
      "id": "chatcmpl-1", "object": "chat.completion",
      "choices": [["index": 0, "message": ["role": "assistant", "content": .string(text)], "finish_reason": "stop"]],
      "usage": ["prompt_tokens": 5, "total_tokens": 8, "completion_tokens": 3],
    ]
    return Response(
      status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(bytes: json.bytes()))
    )
  }
}

/// Waits until a condition holds; false if it does not within the timeout.
func eventually(
  within limit: Duration = .seconds(60), _ condition: @Sendable () async throws -> Bool
) async rethrows -> Bool {
  let deadline = ContinuousClock.now + limit
  while ContinuousClock.now < deadline {
    if try await condition() { return true }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return try await condition()
}

/// Something that happens once and that tasks wait for. A canceled task waits no longer: a test that fails before it opens
/// the gate ends all the same.
final class Gate: Sendable {
  private let event = EventFlag()

  var isOpen: Bool { event.isSet }

  func open() { event.set() }

  func pass() async { await event.wait() }
}
