import CanonicalJSON
import CoreMetrics
import HTTPSupport
import LibCurl
import PrometheusMetrics
import Synchronization
import TestKit
import Testing

@testable import Controller

@Suite struct ControllerListenerTests {
  private let harness = ListenerHarness()

  @Test func `metrics are in the Prometheus format`() async throws {
    let answer = try await harness.run { [harness] url, _ in try await harness.send("GET", url + "/metrics") }
    #expect(answer.status == 200)
    #expect(answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    #expect(try Exposition(answer.text)["a"] == 1)
  }

  @Test(arguments: ["/healthz", "/readyz"])
  func `a probe reports health with 200 or 503`(path: String) async throws {
    let (well, ill, head) = try await harness.run { [harness] url, _ in
      let well = try await harness.send("GET", url + path)
      harness.state.withLock {
        $0.health = ListenerCalls.Probe(isHealthy: false, "no run has ended for 15 minutes")
        $0.readiness = ListenerCalls.Probe(isHealthy: false, "the source has not been read yet")
      }
      return (well, try await harness.send("GET", url + path), try await harness.send("HEAD", url + path))
    }
    #expect(well.status == 200)
    #expect(well.text == (path == "/healthz" ? "ok\n" : "active\n"))
    #expect(ill.status == 503)
    #expect(
      ill.text
        == (path == "/healthz"
          ? "no run has ended for 15 minutes\n"
          : "the source has not been read yet\n"))
    #expect(head.status == 503)
    #expect(head.text.isEmpty)
  }

  @Test func `the status is the controller's status document`() async throws {
    let answer = try await harness.run { [harness] url, _ in try await harness.send("GET", url + "/status") }
    #expect(answer.headers["Content-Type"] == "application/json")
    #expect(answer.json["fleet"] == "prod")
  }

  @Test func `an unknown path is answered with the list of known paths`() async throws {
    let answer = try await harness.run { [harness] url, _ in try await harness.send("GET", url + "/metric") }
    #expect(answer.status == 404)
    #expect(answer.error == "not found: /metric")
    #expect(
      answer.json["paths"]?.objectValue?.keys.sorted() == [
        "GET /healthz", "GET /metrics", "GET /readyz", "GET /status", "POST /hooks/git", "POST /pause", "POST /resume",
        "POST /sync",
      ])
  }

  @Test func `a trailing slash in a path is ignored`() async throws {
    let statuses = try await harness.run { [harness] url, _ in
      [
        try await harness.send("GET", url + "/healthz/").status,
        try await harness.send("POST", url + "/sync/", headers: [ListenerHarness.bearer]).status,
        try await harness.send("GET", url + "/sync/").status,
      ]
    }
    #expect(statuses == [200, 202, 405])
  }

  @Test func `a wrong method is answered with the allowed one`() async throws {
    let (pause, metrics) = try await harness.run { [harness] url, _ in
      (try await harness.send("GET", url + "/pause"), try await harness.send("POST", url + "/metrics"))
    }
    #expect(pause.status == 405)
    #expect(pause.headers["Allow"] == "POST")
    #expect(pause.error == "this path accepts POST")
    #expect(metrics.headers["Allow"] == "GET, HEAD")
    #expect(harness.asked == [])
  }

  @Test func `every path that answers GET answers HEAD with the same headers and no body`() async throws {
    let paths = ["/metrics", "/healthz", "/readyz", "/status"]
    let pairs = try await harness.run { [harness] url, _ in
      var pairs: [(get: ListenerHarness.ClientResponse, head: ListenerHarness.ClientResponse)] = []
      for path in paths {
        pairs.append((try await harness.send("GET", url + path), try await harness.send("HEAD", url + path)))
      }
      return pairs
    }
    for (get, head) in pairs {
      #expect(head.status == get.status && head.text.isEmpty && !get.text.isEmpty)
      for name in ["Content-Type", "Content-Length"] { #expect(head.headers[name] == get.headers[name]) }
    }
  }

  @Test func `requests are counted by route, method and status, and none stays active`() async throws {
    let registry = MetricRegistry()
    try await withMetricsFactory(registry) {
      try await harness.run { [harness] url, _ in
        for path in ["/healthz", "/a", "/b"] { _ = try await harness.send("GET", url + path) }
        _ = try await harness.send("HEAD", url + "/healthz")
        _ = try await harness.send("POST", url + "/sync")
      }
    }
    var written = PrometheusText()
    registry.write(to: &written)
    let text = try Exposition(written.text)
    func count(_ method: String, _ route: String, _ status: String) -> Double? {
      text[
        "hb_requests_total",
        ["http_request_method": method, "http_route": route, "http_response_status_code": status]]
    }
    #expect(count("GET", "/healthz", "200") == 1)
    #expect(count("HEAD", "/healthz", "200") == 1)
    // Paths that do not exist are one route: what a request sends does not become a label.
    #expect(count("GET", "NotFound", "404") == 2)
    #expect(count("POST", "/sync", "401") == 1)
    for method in ["GET", "HEAD", "POST"] {
      #expect(text["http_server_active_requests", ["http_request_method": method]] == 0)
    }
    #expect(text.families["http_server_request_duration_seconds"]?.type == "histogram")
  }

  @Test func `the controller can be paused with a reason, resumed and told to sync`() async throws {
    let answers = try await harness.run { [harness] url, _ in
      [
        try await harness.send(
          "POST", url + "/pause", headers: [ListenerHarness.bearer], body: Array("  until the migration is over\n".utf8)
        ),
        try await harness.send("POST", url + "/pause?reason=in%20the%20query", headers: [ListenerHarness.bearer]),
        try await harness.send("POST", url + "/pause", headers: [ListenerHarness.bearer]),
        try await harness.send("POST", url + "/resume", headers: [ListenerHarness.bearer]),
        try await harness.send("POST", url + "/sync", headers: [ListenerHarness.bearer]),
      ]
    }
    #expect(answers.map(\.status) == [200, 200, 200, 200, 202])
    #expect(answers.map(\.message) == ["paused", "paused", "paused", "resumed", "the source is read"])
    #expect(
      harness.asked == ["pause: until the migration is over", "pause: in the query", "pause: ", "resume", "sync"])
  }

  @Test func `an impossible action is reported, and an invalid one is refused`() async throws {
    let (refused, binary, long) = try await harness.run { [harness] url, _ in
      (
        try await harness.send("POST", url + "/pause", headers: [ListenerHarness.bearer], body: Array("refuse".utf8)),
        try await harness.send("POST", url + "/pause", headers: [ListenerHarness.bearer], body: [0xFF, 0xFE]),
        try await harness.send(
          "POST", url + "/pause", headers: [ListenerHarness.bearer], body: [UInt8](repeating: 0x61, count: 5000))
      )
    }
    #expect(refused.status == 409)
    #expect(refused.error == "it is paused already")
    #expect(binary.status == 400)
    #expect(long.status == 413)
    #expect(harness.asked == [])
  }

  // MARK: - The git webhook

  @Test func `an authentic hook is accepted, with its body and headers as they arrived`() async throws {
    let body = Array(#"{"ref": "refs/heads/main"}"#.utf8)
    let answer = try await harness.run { [harness] url, _ in
      try await harness.send(
        "POST", url + "/hooks/git",
        headers: [HTTPField("X-Hub-Signature-256", "sha256=good"), HTTPField("X-GitHub-Event", "push")], body: body)
    }
    #expect(answer.status == 202)
    #expect(answer.message == "the source is read")
    let hook = try #require(harness.state.withLock { $0.hooks.first })
    #expect(hook.body == body)
    #expect(hook.fields.filter { $0.name.lowercased().hasPrefix("x-") }.map(\.value) == ["sha256=good", "push"])
  }

  @Test func `a hook that comes through a proxy is accepted if the proxy's host name is allowed`() async throws {
    let answer = try await harness.run(allowedHosts: ["Hooks.example.com"]) { [harness] url, _ in
      try await harness.send(
        "POST", url + "/hooks/git",
        headers: [HTTPField("Host", "hooks.example.com"), HTTPField("X-Hub-Signature-256", "sha256=good")], body: [])
    }
    #expect(answer.status == 202)
  }

  @Test func `a hook that is not authentic is refused with an explanation`() async throws {
    let answer = try await harness.run { [harness] url, _ in
      try await harness.send("POST", url + "/hooks/git", body: [0x7B, 0x7D])
    }
    #expect(answer.status == 401)
    #expect(answer.error == "the signature is wrong")
  }

  @Test func `without a secret, hooks are refused, and the response says what to set`() async throws {
    let answer = try await harness.run(hasHook: false) { [harness] url, _ in
      try await harness.send("POST", url + "/hooks/git", body: [])
    }
    #expect(answer.status == 404)
    #expect(answer.error.contains("--hook-secret-file"))
  }

  @Test(arguments: [(64, 202), (65, 413)])
  func `a hook's body is limited in size`(size: Int, status: Int) async throws {
    let answer = try await harness.run(maximumHookBody: 64) { [harness] url, _ in
      try await harness.send(
        "POST", url + "/hooks/git", headers: [HTTPField("X-Hub-Signature-256", "sha256=good")],
        body: [UInt8](repeating: 0x20, count: size))
    }
    #expect(answer.status == status)
    #expect(harness.state.withLock { $0.hooks.count } == (status == 202 ? 1 : 0))
  }

  // MARK: - Access

  @Test(arguments: [
    [HTTPField("Origin", "https://evil.example")], [HTTPField("Origin", "null")],
    [HTTPField("Host", "evil.example")], [HTTPField("Host", "127.0.0.1.evil.example:7388")],
    [HTTPField("Host", "127.evil.example.com")], [HTTPField("Host", "[::1].evil.example")],
    [HTTPField("Host", "[::1]evil.example:80")], [HTTPField("Host", "localhost:7388.evil.example")],
    [HTTPField("Host", "localhost@evil.example")], [HTTPField("Host", "127.0.0.1:port")],
  ])
  func `every path refuses requests from web pages, by Origin and by Host`(headers: [HTTPField]) async throws {
    let paths = [
      ("POST", "/pause"), ("POST", "/resume"), ("POST", "/sync"), ("GET", "/status"), ("GET", "/metrics"),
      ("GET", "/healthz"), ("GET", "/readyz"), ("POST", "/hooks/git"), ("GET", "/nothing"), ("HEAD", "/status"),
    ]
    let answers = try await harness.run { [harness] url, _ in
      var answers: [ListenerHarness.ClientResponse] = []
      for (method, path) in paths {
        let signed = headers + [HTTPField("X-Hub-Signature-256", "sha256=good")]
        answers.append(
          try await harness.send(method, url + path, headers: signed, body: method == "POST" ? [] : nil))
      }
      return answers
    }
    #expect(answers.map(\.status) == paths.map { _ in 403 })
    #expect(answers.dropLast().allSatisfy { $0.error.contains("Origin header") || $0.error.contains("use localhost") })
    #expect(harness.asked == [] && harness.state.withLock { $0.hooks.isEmpty })
  }

  @Test func `configured host names are accepted besides this machine's, and no others`() async throws {
    let statuses = try await harness.run(allowedHosts: ["setpoint.example.com"]) { [harness] url, _ in
      var statuses: [Int] = []
      for host in ["setpoint.example.com", "SETPOINT.example.com:443", "localhost", "example.com"] {
        statuses.append(
          try await harness.send("GET", url + "/metrics", headers: [HTTPField("Host", host)]).status)
      }
      return statuses
    }
    #expect(statuses == [200, 200, 200, 403])
  }

  @Test(
    arguments: [
      ("setpoint-controller.setpoint.svc:7388", [], nil), ("10.1.2.3:7388", [], nil), ("[fd00::1]:7388", [], nil),
      ("evil.example", ["controller.example.com"], 403), ("10.1.2.3", ["controller.example.com"], nil),
      ("a b", [], 400), ("[::1].evil.example", [], 400), (nil, [], 400),
    ] as [(String?, [String], Int?)])
  func `if the listener is reachable from outside, any host is accepted, or only the configured ones`(
    authority: String?, allowed: [String], status: Int?
  ) {
    let access = ListenerAccess(host: "0.0.0.0", allowedHosts: allowed)
    #expect(access.refusal(authority: authority, origin: nil)?.status == status)
  }

  @Test(arguments: ["localhost", "LOCALHOST:7388", "127.0.0.1", "127.8.9.10:1", "[::1]:7388"])
  func `this machine's host names are accepted`(host: String) async throws {
    let answer = try await harness.run { [harness] url, _ in
      try await harness.send(
        "POST", url + "/sync", headers: [HTTPField("Host", host), ListenerHarness.bearer], body: [])
    }
    #expect(answer.status == 202)
  }

  /// The harness listens on 127.0.0.1, and so do the clients.
  @Test(arguments: ["/pause", "/resume", "/sync"])
  func `an address grants no permission, and without the token nothing is changed even on loopback`(path: String)
    async throws
  {
    let without = try await harness.run { [harness] url, _ in try await harness.send("POST", url + path, body: []) }
    let tokenless = try await harness.run(token: { .none }) { [harness] url, _ in
      try await harness.send("POST", url + path, headers: [ListenerHarness.bearer], body: [])
    }
    #expect(without.status == 401 && tokenless.status == 403)
    #expect(harness.asked == [])
  }

  @Test func `only a client with the token may change something`() async throws {
    let answers = try await harness.run(token: { .expected("s3cret") }) { [harness] url, _ in
      [
        try await harness.send("POST", url + "/sync"),
        try await harness.send("POST", url + "/sync", headers: [HTTPField("Authorization", "Bearer s3creT")]),
        try await harness.send("POST", url + "/sync", headers: [HTTPField("Authorization", "Digest x")]),
        try await harness.send("GET", url + "/metrics"),
        try await harness.send("POST", url + "/sync", headers: [HTTPField("Authorization", "Bearer s3cret")]),
      ]
    }
    #expect(answers.map(\.status) == [401, 401, 401, 200, 202])
    #expect(answers[0].headers["WWW-Authenticate"] == "Bearer")
    #expect(answers.allSatisfy { !$0.text.contains("s3cret") })
    #expect(harness.asked == ["sync"])
  }

  @Test(
    arguments: [
      ("0.0.0.0", nil, nil, 403), ("::", nil, "Bearer x", 403), ("10.1.2.3", nil, nil, 403),
      ("10.1.2.3", "t", nil, 401), ("10.1.2.3", "", "Basic dG9rZW46", 401), ("10.1.2.3", "t", "Bearer u", 401),
      ("10.1.2.3", "t", "Bearer t", nil),
      ("127.0.0.1.example.com", nil, nil, 403), ("127.0.0.1", nil, nil, 403), ("::1", nil, "Bearer x", 403),
      ("localhost", nil, nil, 403), ("127.0.0.1", "t", nil, 401), ("::1", "t", "Bearer t", nil),
    ] as [(String, String?, String?, Int?)])
  func `whatever address the listener is bound to, a change needs a token`(
    bound: String, token: String?, authorization: String?, status: Int?
  ) {
    let access = ListenerAccess(host: bound)
    let refusal = access.refusal(authorization: authorization, token: token.map { .expected($0) } ?? .none)
    #expect(refusal?.status == status)
    if status == 403 { #expect(refusal?.message.contains("--listen-token-file") == true) }
  }

  @Test func `a revoked or replaced token takes effect at once, and an unreadable one admits nobody`() async throws {
    let current = Mutex(ListenerToken.expected("first"))
    let (before, old, new, unreadable) = try await harness.run(token: { current.withLock { $0 } }) {
      [harness] url, _ in
      let send = { @Sendable (token: String) in
        try await harness.send("POST", url + "/sync", headers: [HTTPField("Authorization", "Bearer \(token)")])
      }
      let before = try await send("first")
      current.withLock { $0 = .expected("second") }
      let (old, new) = (try await send("first"), try await send("second"))
      current.withLock { $0 = .unreadable("/etc/token: Permission denied") }
      return (before, old, new, try await send("second"))
    }
    #expect([before, old, new, unreadable].map(\.status) == [202, 401, 202, 403])
    #expect(!unreadable.text.contains("/etc/token"))
  }

  // MARK: - Start and stop

  @Test func `a port in use is named`() async throws {
    let failure = try await harness.run { url, _ in
      var settings = ControllerListener.Settings()
      settings.port = url.split(separator: ":").last.flatMap { Int($0) } ?? 0
      return await Self.failure(settings)
    }
    #expect(failure?.message.hasPrefix("port ") == true)
    #expect(failure?.message.hasSuffix("is in use by another program") == true)
    #expect(failure?.advice.contains("--listen HOST:PORT") == true)
  }

  @Test(arguments: [
    ("192.0.2.77", "192.0.2.77 is not an address of this machine"),
    ("no.such.host.invalid", "no.such.host.invalid is not an address or a known host name ("),
  ])
  func `an address that does not belong to this machine is named`(host: String, message: String) async throws {
    var settings = ControllerListener.Settings()
    settings.host = host
    settings.port = 0
    #expect(await Self.failure(settings)?.message.hasPrefix(message) == true)
  }

  private static func failure(_ settings: ControllerListener.Settings) async -> ListenFailure? {
    do {
      try await ControllerListener(settings, ListenerHarness().calls(), log: ListenerHarness.silent).run()
      return nil
    } catch {
      return error as? ListenFailure
    }
  }

  @Test func `asked to stop, the listener ends although a client keeps its connection open`() async throws {
    let status = try await harness.run { [harness] url, stop in
      let answer = try await harness.send("GET", url + "/healthz")
      await stop()
      await #expect(throws: HTTPClientError.self) {
        while true { _ = try await harness.send("GET", url + "/healthz") }
      }
      return answer.status
    }
    #expect(status == 200)
  }
}
