import CanonicalJSON
import Controller
import HTTPTypes
import Hummingbird
import LibCurl
import Logging
import NIOCore
import Planning
import Scheduling
import ServiceLifecycle
import ServingAPI
import Synchronization
import TestKit
import Testing

/// A receiver of webhooks on a free port that answers as configured, and finally with 200.
private final class Receiver: Sendable {
  struct ScriptedResponse: Sendable {
    var status: HTTPTypes.HTTPResponse.Status
    var headers: HTTPFields = [:]
    var body = ""
  }

  struct Received: Sendable {
    let path: String
    let type: String?
    let body: JSONValue
  }

  private let answers: Mutex<[ScriptedResponse]>
  private let received = Mutex<[Received]>([])
  /// One element per request.
  let arrivals: AsyncStream<Void>
  private let arrive: AsyncStream<Void>.Continuation

  init(_ answers: [ScriptedResponse]) {
    self.answers = Mutex(answers)
    (arrivals, arrive) = AsyncStream.makeStream()
  }

  var all: [Received] { received.withLock { $0 } }
  var endpoints: [String] { all.compactMap { $0.body["endpoint"]?.stringValue } }

  private func answer(_ request: Request) async throws -> Response {
    var bytes: [UInt8] = []
    for try await piece in request.body { bytes += piece.readableBytesView }
    let body = (try? JSONValue(parsing: bytes)) ?? .null
    received.withLock {
      $0.append(Received(path: request.uri.string, type: request.headers[.contentType], body: body))
    }
    arrive.yield()
    let answer = answers.withLock { $0.isEmpty ? ScriptedResponse(status: .ok) : $0.removeFirst() }
    return Response(
      status: answer.status, headers: answer.headers, body: ResponseBody(byteBuffer: ByteBuffer(string: answer.body)))
  }

  func run<Value: Sendable>(
    _ body: @escaping @Sendable (_ url: String) async throws -> Value
  ) async throws -> Value {
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in try await self.answer(request) },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { announce.yield($0.localAddress?.port ?? 0) }, logger: ListenerHarness.silent)
    return try await withThrowingTaskGroup(of: Value?.self) { tasks in
      tasks.addTask {
        try await application.run()
        return nil
      }
      tasks.addTask {
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        return try await body("http://127.0.0.1:\(port)")
      }
      defer { tasks.cancelAll() }
      while let value = try await tasks.next() { if let value { return value } }
      throw CancellationError()
    }
  }
}

/// Records what is logged.
private struct KeptLog: LogHandler {
  final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
  }

  let lines: Lines
  var logLevel = Logger.Level.trace
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let facts = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    lines.append("\(event.level): \(event.message)\(facts)")
  }
}

@Suite struct WebhookNotifierTests {
  private let lines = KeptLog.Lines()
  private let deliveries = Outcomes()

  private final class Outcomes: Sendable {
    let all: AsyncStream<ControllerMetrics.Delivery>
    let add: AsyncStream<ControllerMetrics.Delivery>.Continuation

    init() { (all, add) = AsyncStream.makeStream() }

    func next(_ count: Int) async -> [ControllerMetrics.Delivery] {
      var found: [ControllerMetrics.Delivery] = []
      for await delivery in all {
        found.append(delivery)
        if found.count == count { break }
      }
      return found
    }
  }

  private static func notification(_ endpoint: String) -> FleetNotification {
    FleetNotification(
      kind: .failure, endpoint: endpoint, what: "failed", why: "no GPU", commit: "abc",
      at: Timestamp(milliseconds: 0), fleet: "prod", target: "http://t")
  }

  private func notifier(
    _ url: String, template: NotificationTemplate = .standard, limits: WebhookNotifier.Limits = .init(),
    timing: Timing = TestTiming(jitter: 0.5).timing
  ) throws -> WebhookNotifier {
    let address = try WebhookURL(url)
    return notifier(to: { address }, template: template, limits: limits, timing: timing)
  }

  private func notifier(
    to address: @escaping @Sendable () -> WebhookURL, template: NotificationTemplate = .standard,
    limits: WebhookNotifier.Limits = .init(), timing: Timing = TestTiming(jitter: 0.5).timing
  ) -> WebhookNotifier {
    let log = Logger(label: "test") { [lines] _ in KeptLog(lines: lines) }
    let client = HTTPClient(configuration: HTTPClientConfiguration(proxy: .none))
    return WebhookNotifier(
      to: address, template: template, limits: limits, transport: client.transport, timing: timing, log: log,
      record: { [deliveries] in deliveries.add.yield($0) })
  }

  /// Runs a notifier while a closure runs.
  private func run<Value: Sendable>(
    _ notifier: WebhookNotifier, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { tasks in
      tasks.addTask {
        try await notifier.run()
        return nil
      }
      tasks.addTask { try await body() }
      defer { tasks.cancelAll() }
      while let value = try await tasks.next() { if let value { return value } }
      throw CancellationError()
    }
  }

  @Test func `notices are posted in order, as JSON, to the whole URL`() async throws {
    let receiver = Receiver([])
    let outcomes = try await receiver.run { url in
      let notifier = try self.notifier(url + "/services/T0/s3cretpath?key=v4lue-k")
      for name in ["a", "b", "c"] { notifier.post(Self.notification(name)) }
      return try await self.run(notifier) { await self.deliveries.next(3) }
    }
    #expect(outcomes == [.delivered, .delivered, .delivered])
    #expect(receiver.endpoints == ["a", "b", "c"])
    #expect(receiver.all.first?.path == "/services/T0/s3cretpath?key=v4lue-k")
    #expect(receiver.all.first?.type == "application/json")
    #expect(receiver.all.first?.body["why"] == "no GPU")
  }

  @Test func `a template forms the body`() async throws {
    let receiver = Receiver([])
    let template = try NotificationTemplate(parsing: Array(#"{"text": "{{endpoint}} {{what}}"}"#.utf8), file: "t")
    _ = try await receiver.run { url in
      let notifier = try self.notifier(url, template: template)
      notifier.post(Self.notification("a"))
      return try await self.run(notifier) { await self.deliveries.next(1) }
    }
    #expect(receiver.all.map(\.body) == [["text": "a failed"]])
  }

  @Test func `a replaced address takes effect at the next attempt`() async throws {
    let receiver = Receiver([.init(status: .serviceUnavailable)])
    _ = try await receiver.run { url in
      let addresses = Mutex(try ["old", "new"].map { try WebhookURL("\(url)/\($0)") })
      // Read for each attempt: the first one gets the old address.
      let notifier = self.notifier(
        to: { addresses.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] } }, timing: TestTiming(jitter: 0.5).timing)
      notifier.post(Self.notification("a"))
      return try await self.run(notifier) { await self.deliveries.next(1) }
    }
    #expect(receiver.all.last?.path == "/new")
  }

  @Test
  func `an unavailable receiver is retried with growing waits, and not before its Retry-After`() async throws {
    let receiver = Receiver([
      .init(status: .serviceUnavailable), .init(status: .tooManyRequests, headers: [.retryAfter: "30"]),
      .init(status: .internalServerError), .init(status: .requestTimeout),
      .init(status: .tooManyRequests, headers: [.retryAfter: "86400"]),
    ])
    let time = TestTiming(jitter: 0.5)
    let outcomes = try await receiver.run { url in
      let notifier = try self.notifier(url, timing: time.timing)
      notifier.post(Self.notification("a"))
      return try await self.run(notifier) { await self.deliveries.next(1) }
    }
    #expect(outcomes == [.delivered])
    #expect(receiver.endpoints == ["a", "a", "a", "a", "a", "a"])
    #expect(time.pauses == [.seconds(1), .seconds(30), .seconds(4), .seconds(8), .seconds(600)])
  }

  @Test
  func `a refused notice is not retried, and the receiver's response is logged without the secret`() async throws {
    let receiver = Receiver([
      .init(status: .notFound, body: "no  service\n at /services/T0/s3cretpath, user s3cretpath")
    ])
    let outcomes = try await receiver.run { url in
      let notifier = try self.notifier(url + "/services/T0/s3cretpath")
      notifier.post(Self.notification("a"))
      notifier.post(Self.notification("b"))
      return try await self.run(notifier) { await self.deliveries.next(2) }
    }
    #expect(outcomes == [.failed, .delivered])
    #expect(receiver.endpoints == ["a", "b"])
    let line = try #require(lines.all.first { $0.hasPrefix("error") })
    #expect(line.contains("endpoint=a error=the webhook returned 404: no service at …, user …"))
    #expect(line.contains("webhook=http://127.0.0.1:"))
    #expect(!lines.all.contains { $0.contains("s3cret") })
  }

  @Test func `an unreachable receiver is retried up to a limit`() async throws {
    let port = try await Receiver([]).run { $0 }
    var limits = WebhookNotifier.Limits()
    limits.tries = 3
    let time = TestTiming(jitter: 0.5)
    let notifier = try notifier(port + "/s3cretpath", limits: limits, timing: time.timing)
    notifier.post(Self.notification("a"))
    #expect(try await run(notifier) { await self.deliveries.next(1) } == [.failed])
    #expect(time.pauses == [.seconds(1), .seconds(2)])
    #expect(
      lines.all.contains { $0.hasPrefix("error: notification dropped after the last retry") && $0.contains("tries=3") })
    #expect(!lines.all.contains { $0.contains("s3cret") })
  }

  @Test func `a full queue drops the oldest notices and says how many`() async throws {
    let receiver = Receiver([])
    var limits = WebhookNotifier.Limits()
    limits.queue = 2
    let outcomes = try await receiver.run { [limits] url in
      let notifier = try self.notifier(url, limits: limits)
      for name in ["a", "b", "c", "d", "e"] { notifier.post(Self.notification(name)) }
      return try await self.run(notifier) { await self.deliveries.next(5) }
    }
    #expect(outcomes == [.dropped, .dropped, .dropped, .delivered, .delivered])
    #expect(receiver.endpoints == ["d", "e"])
    let warnings = lines.all.filter { $0.hasPrefix("warning: notifications dropped") }
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("count=3") == true)
  }

  @Test func `asked to stop, it ends its wait early and delivers what is queued`() async throws {
    let receiver = Receiver([.init(status: .serviceUnavailable, headers: [.retryAfter: "500"])])
    var limits = WebhookNotifier.Limits()
    limits.shutdownGrace = .seconds(60)
    let outcomes = try await receiver.run { [limits] url in
      let notifier = try self.notifier(url, limits: limits, timing: .system)
      notifier.post(Self.notification("a"))
      notifier.post(Self.notification("b"))
      try await Self.serve(notifier) { stop in
        // Whether the delay has started by then or starts afterwards, it is not waited for.
        _ = await receiver.arrivals.first { _ in true }
        await stop()
      }
      return await self.deliveries.next(2)
    }
    #expect(outcomes == [.delivered, .delivered])
    #expect(receiver.endpoints == ["a", "a", "b"])
  }

  @Test func `an unreachable receiver delays the controller's stop by no more than the grace period`() async throws {
    let receiver = Receiver((0..<99).map { _ in .init(status: .serviceUnavailable) })
    var limits = WebhookNotifier.Limits()
    limits.shutdownGrace = .milliseconds(200)
    let outcomes = try await receiver.run { [limits] url in
      let notifier = try self.notifier(url, limits: limits, timing: .system)
      for name in ["a", "b", "c"] { notifier.post(Self.notification(name)) }
      try await Self.serve(notifier) { stop in
        _ = await receiver.arrivals.first { _ in true }
        await stop()
      }
      return await self.deliveries.next(3)
    }
    #expect(outcomes == [.dropped, .dropped, .dropped])
    #expect(!receiver.endpoints.contains("b"))
    #expect(lines.all.contains { $0.contains("before shutdown") && $0.contains("count=2") })
  }

  /// Runs a notifier as a service until it returns.
  private static func serve(
    _ notifier: WebhookNotifier, _ body: @escaping @Sendable (@escaping @Sendable () async -> Void) async -> Void
  ) async throws {
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(services: [notifier], logger: ListenerHarness.silent))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      await body { await group.triggerGracefulShutdown() }
      try await tasks.waitForAll()
    }
  }

  @Test(arguments: ["", "hooks.example.com/x", "ftp://h/s3cretpath", "http://", "/s3cretpath", "http://[s3cretpath"])
  func `an invalid URL is refused without being shown`(text: String) throws {
    let error = try #require(throws: WebhookURL.Malformed.self) { try WebhookURL(text) }
    #expect(!error.description.contains("s3cret"))
  }

  @Test(arguments: [
    ("https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com"),
    ("https://user:passw0rd@h.example:8443/p?key=value#f\n", "https://h.example:8443"),
  ])
  func `only scheme, host and port are shown`(text: String, shown: String) throws {
    #expect("\(try WebhookURL(text))" == shown)
  }
}
