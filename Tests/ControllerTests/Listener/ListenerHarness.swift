import CanonicalJSON
import Controller
import LibCurl
import Logging
import Planning
import ServiceLifecycle
import Synchronization

/// A listener on a free port, a record of what it was asked to do, and a client for it.
final class ListenerHarness: Sendable {
  struct ClientResponse: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let text: String

    var json: JSONValue { (try? JSONValue(parsing: text)) ?? .null }
    var error: String { json["error"]?.stringValue ?? "" }
    var message: String { json["message"]?.stringValue ?? "" }
  }

  /// What the controller behind the listener reports and was told.
  struct State: Sendable {
    var health = ListenerCalls.Probe(isHealthy: true, "ok")
    var readiness = ListenerCalls.Probe(isHealthy: true, "active")
    var asked: [String] = []
    var hooks: [ListenerCalls.WebhookRequest] = []
  }

  let state = Mutex(State())
  private let client = HTTPClient(configuration: HTTPClientConfiguration(proxy: .none))

  var asked: [String] { state.withLock(\.asked) }

  func calls(hasHook: Bool = true) -> ListenerCalls {
    ListenerCalls(
      metrics: { "# HELP a A.\n# TYPE a gauge\na 1\n" }, health: { self.state.withLock(\.health) },
      readiness: { self.state.withLock(\.readiness) }, status: { #"{"fleet":"prod"}"# },
      hook: hasHook ? { @Sendable hook in self.take(hook) } : nil,
      pause: { reason in
        if reason == "refuse" { throw ListenerCalls.Refusal("it is paused already") }
        self.note("pause: \(reason)")
        return "paused"
      },
      resume: {
        self.note("resume")
        return "resumed"
      },
      sync: {
        self.note("sync")
        return "the source is read"
      })
  }

  private func note(_ what: String) { state.withLock { $0.asked.append(what) } }

  private func take(_ hook: ListenerCalls.WebhookRequest) -> ListenerCalls.WebhookResponse {
    state.withLock { $0.hooks.append(hook) }
    let isGood = hook.fields.contains { $0.name.lowercased() == "x-hub-signature-256" && $0.value == "sha256=good" }
    return isGood ? .accepted("the source is read") : .refused("the signature is wrong", nil)
  }

  /// Runs the listener while a closure runs.
  func run<Value: Sendable>(
    token: @escaping @Sendable () -> ListenerToken = { .expected(ListenerHarness.token) }, allowedHosts: [String] = [],
    hasHook: Bool = true,
    maximumHookBody: Int = 1 << 20,
    _ body: @escaping @Sendable (_ url: String, _ stop: @escaping @Sendable () async -> Void) async throws -> Value
  ) async throws -> Value {
    var settings = ControllerListener.Settings()
    settings.port = 0
    settings.token = token
    settings.allowedHosts = allowedHosts
    settings.maximumHookBody = maximumHookBody
    let (urls, announce) = AsyncStream<String>.makeStream()
    let listener = ControllerListener(settings, calls(hasHook: hasHook), log: Self.silent) { listening in
      announce.yield(listening.url)
      announce.finish()
    }
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [listener], logger: Self.silent))
    return try await withThrowingTaskGroup(of: Value?.self) { tasks in
      tasks.addTask {
        try await group.run()
        return nil
      }
      tasks.addTask {
        guard let url = await urls.first(where: { _ in true }) else { throw CancellationError() }
        return try await body(url) { await group.triggerGracefulShutdown() }
      }
      defer { tasks.cancelAll() }
      while let value = try await tasks.next() { if let value { return value } }
      throw CancellationError()
    }
  }

  static let token = "a-token-of-tests"
  /// What shows it.
  static let bearer = HTTPField("Authorization", "Bearer \(token)")

  func send(
    _ method: String, _ url: String, headers: [HTTPField] = [], body: [UInt8]? = nil
  ) async throws -> ClientResponse {
    let request = HTTPRequest(method: method, url: url, headers: headers, body: body, timeouts: .standard)
    let response = try await client.execute(request)
    let bytes = try await response.body.collect()
    return ClientResponse(
      status: response.status, headers: response.headers, text: String(decoding: bytes, as: UTF8.self))
  }

  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
