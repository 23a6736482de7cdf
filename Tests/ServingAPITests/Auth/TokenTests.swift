import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

/// The life of an access token, in virtual time.
@Suite struct TokenTests {
  @Test func `a token is requested once, with the client's id and secret, and used for every call`() async throws {
    let harness = OAuthHarness()
    let client = try harness.client()
    for _ in 0..<3 { try await client.ask() }
    #expect(harness.oauth.sold == 1)
    #expect(harness.workspace.requests.count == 3)
    let tokenRequest = try #require(harness.tokenRequests.first)
    #expect(tokenRequest.url == "https://workspace.example.com/oidc/v1/token")
    #expect(OAuthDouble.form(tokenRequest) == ["grant_type": "client_credentials", "scope": "all-apis"])
    let headers = HTTPHeaders(tokenRequest.headers)
    #expect(headers["Content-Type"] == "application/x-www-form-urlencoded")
    #expect(headers["User-Agent"] == "setpoint/1 auth/oauth-m2m")
  }

  @Test func `many concurrent calls cause one token request`() async throws {
    let harness = OAuthHarness()
    // The token request takes long enough for every caller to arrive.
    let client = try harness.client(transport: { request in
      if request.method == "POST", request.url.hasSuffix("/token") {
        for _ in 0..<200 { await Task.yield() }
      }
      return try await harness.oauth.transport(request)
    })
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<100 { group.addTask { try await client.ask() } }
      try await group.waitForAll()
    }
    #expect(harness.oauth.sold == 1)
    #expect(harness.workspace.requests.count == 100)
  }

  @Test func `one canceled caller does not take the token from the others`() async throws {
    let harness = OAuthHarness()
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    let client = try harness.client(transport: { request in
      if request.url.hasSuffix("/token") {
        arrived.yield()
        for await _ in gate { break }
        try Task.checkCancellation()
      }
      return try await harness.oauth.transport(request)
    })
    try await withThrowingTaskGroup(of: Bool.self) { group in
      let first = Task { try await client.ask() }
      for await _ in arrivals { break }
      for _ in 0..<5 {
        group.addTask {
          try await client.ask()
          return true
        }
      }
      first.cancel()
      opener.yield()
      opener.yield()
      opener.finish()
      await #expect(throws: CancellationError.self) { try await first.value }
      for try await isLetIn in group { #expect(isLetIn) }
    }
    #expect(harness.oauth.sold == 1)
  }

  struct Age: CustomTestStringConvertible {
    let lifetime: Int
    let age: Double
    let tokenRequests: Int
    let isNew: Bool
    var testDescription: String { "\(age) s of \(lifetime) s" }
  }

  @Test(arguments: [
    // One hour: the token is refreshed in its last 20 minutes, and not used in its last 40 seconds.
    Age(lifetime: 3600, age: 2399, tokenRequests: 1, isNew: false),
    Age(lifetime: 3600, age: 2401, tokenRequests: 2, isNew: true),
    // Ten minutes: half of it.
    Age(lifetime: 600, age: 299, tokenRequests: 1, isNew: false),
    Age(lifetime: 600, age: 301, tokenRequests: 2, isNew: true),
    // Seventy seconds, and five: refresh after half of them, and then no call uses the old one.
    Age(lifetime: 70, age: 34, tokenRequests: 1, isNew: false),
    Age(lifetime: 70, age: 36, tokenRequests: 2, isNew: true),
    Age(lifetime: 5, age: 2, tokenRequests: 1, isNew: false), Age(lifetime: 5, age: 3, tokenRequests: 2, isNew: true),
    Age(lifetime: 5, age: 500, tokenRequests: 2, isNew: true),
  ])
  func `a token is refreshed before it expires`(item: Age) async throws {
    let harness = OAuthHarness { $0.lifetime = .seconds(item.lifetime) }
    let client = try harness.client()
    try await client.ask()
    harness.timing.advance(by: .seconds(item.age))
    try await client.ask()
    #expect(harness.tokenRequests.count == item.tokenRequests)
  }

  @Test(arguments: [
    // While the token is usable, an unavailable token service costs nothing, and is not called each time.
    (2500, true), (3400, true),
    // In the last 40 seconds there is no token to continue with.
    (3580, false),
  ])
  func `an early refresh that fails leaves the old token in use`(age: Int, isLetIn: Bool) async throws {
    let harness = OAuthHarness()
    let client = try harness.client(retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
    try await client.ask()
    harness.timing.advance(by: .seconds(age))
    harness.oauth.planTokenAnswers(Array(repeating: .error(503, "TEMPORARILY_UNAVAILABLE", "later"), count: 2))
    if isLetIn {
      for _ in 0..<3 { try await client.ask() }
      #expect(harness.tokenRequests.count == 2)
      harness.timing.advance(by: .seconds(61))
      for _ in 0..<3 { try await client.ask() }
      #expect(harness.tokenRequests.count == 3)
    } else {
      let error = await #expect(throws: ServingError.self) { try await client.ask() }
      #expect(error?.kind == .unavailable)
      // For a moment the others get the same error, and there is no second request.
      await #expect(throws: ServingError.self) { try await client.ask() }
      #expect(harness.tokenRequests.count == 2)
      harness.timing.advance(by: .seconds(2))
      await #expect(throws: ServingError.self) { try await client.ask() }
      #expect(harness.tokenRequests.count == 3)
      harness.timing.advance(by: .seconds(5))
      try await client.ask()
    }
  }

  @Test func `a slow early refresh is given up, and the call uses the old token`() async throws {
    let harness = OAuthHarness()
    let client = try harness.client(transport: { request in
      if request.url.hasSuffix("/token"), harness.oauth.sold == 1 {
        #expect(request.timeouts?.total == .seconds(10))
        throw HTTPClientError(code: .timeout(.total), message: "too slow", method: "POST", url: "")
      }
      return try await harness.oauth.transport(request)
    })
    try await client.ask()
    harness.timing.advance(by: .seconds(3000))
    try await client.ask()
    #expect(harness.workspace.requests.count == 2)
    #expect(harness.timing.pauses.isEmpty)
  }

  @Test(arguments: [
    ScriptedTransport.ScriptedResponse.error(503, "TEMPORARILY_UNAVAILABLE", "later"),
    .error(502, "BAD_GATEWAY", "later"),
    .answer(status: 429, headers: [HTTPField("Retry-After", "7")]), .lost(),
    .failure(HTTPClientError(code: .connect, message: "refused", method: "POST", url: "")),
  ])
  func `a token service that is briefly unavailable is retried`(answer: ScriptedTransport.ScriptedResponse) async throws
  {
    let harness = OAuthHarness()
    harness.oauth.planTokenAnswers([answer, answer])
    try await (try harness.client()).ask("POST")
    #expect(harness.oauth.sold == 1)
    #expect(harness.tokenRequests.count == 3)
    #expect(harness.timing.pauses.count == 2)
    #expect(harness.workspace.requests.count == 1)
  }

  @Test func `a token service that stays unavailable is given up after the retry budget of a call`() async throws {
    let harness = OAuthHarness()
    harness.oauth.planTokenAnswers(Array(repeating: .error(503, "TEMPORARILY_UNAVAILABLE", "later"), count: 200))
    let client = try harness.client()
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(harness.timing.elapsed <= .seconds(300) && harness.timing.elapsed > .seconds(280))
    #expect(error?.attempts == harness.tokenRequests.count)
    #expect(error?.status == nil)
    #expect(harness.workspace.requests.isEmpty)
  }

  @Test(arguments: ["GET", "POST", "PUT", "DELETE"])
  func `a call of any method whose token is refused is retried once with another`(method: String) async throws {
    for refusal in [
      ScriptedTransport.ScriptedResponse.error(401, "UNAUTHENTICATED", "Invalid access token."),
      .error(403, "403", "Invalid access token. [ReqId: 5]"),
      .error(403, "PERMISSION_DENIED", "Token is expiring within 30 seconds. (token expired)"),
    ] {
      let harness = OAuthHarness { $0.refusal = refusal }
      let client = try harness.client()
      try await client.ask()
      harness.oauth.endAllTokens()
      try await client.ask(method)
      #expect(harness.oauth.sold == 2)
      #expect(harness.workspace.requests.map(\.method) == ["GET", method])
      #expect(harness.timing.pauses.isEmpty)
    }
  }

  @Test func `a missing permission is not a token problem`() async throws {
    let harness = OAuthHarness([.error(403, "PERMISSION_DENIED", "No grant on it")])
    let client = try harness.client()
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(error?.kind == .permissionDenied)
    #expect(error?.serverMessage == "No grant on it")
    #expect(harness.oauth.sold == 1)
    #expect(harness.workspace.requests.count == 1)
  }

  @Test func `if every token is refused, the error is reported, and tokens are not requested forever`() async throws {
    let harness = OAuthHarness([.error(401, "UNAUTHENTICATED", "not for you")])
    let client = try harness.client()
    for _ in 0..<20 {
      let error = await #expect(throws: ServingError.self) { try await client.ask() }
      #expect(error?.kind == .unauthenticated)
      #expect(error?.serverMessage == "not for you")
    }
    #expect(harness.oauth.sold == 2)
    harness.timing.advance(by: .seconds(11))
    await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(harness.oauth.sold == 3)
  }

  @Test func `a refused personal token is not sent again`() async throws {
    let network = ScriptedTransport([.error(401, "UNAUTHENTICATED", "Invalid access token."), .json([:])])
    await #expect(throws: ServingError.self) { try await network.client().json(APICall("GET", "/x")) }
    #expect(network.requests.count == 1)
  }

  @Test func `a renewed token in a profile is used from the next call on`() async throws {
    let harness = OAuthHarness()
    func write(_ token: String) {
      harness.files["/home/a/.databrickscfg"] = "[p]\nhost = \(OAuthHarness.host)\ntoken = \(token)\n"
    }
    write("dapi-old-token")
    let network = WorkspaceDouble()
    let client = try harness.client(["DATABRICKS_CONFIG_PROFILE": "p"], transport: network.transport)
    let list = APICall("GET", "/api/2.0/serving-endpoints")
    await #expect(throws: ServingError.self) { try await client.json(list) }
    write("dapi-secret-token")
    await #expect(throws: Never.self) { try await client.json(list) }
    // Two calls: nothing was sent twice.
    #expect(network.calls.count == 2)
  }

  @Test func `a renewed client secret in a profile is read at the next token request`() async throws {
    let harness = OAuthHarness()
    func write(_ secret: String, host: String = OAuthHarness.host) {
      harness.files["/home/a/.databrickscfg"] =
        "[p]\nhost = \(host)\nclient_id = \(OAuthDouble.clientID)\nclient_secret = \(secret)\n"
    }
    write(OAuthDouble.clientSecret)
    let client = try harness.client(["DATABRICKS_CONFIG_PROFILE": "p"])
    try await client.ask()
    harness.oauth.changeClientSecret(to: "sesame-two")
    write("sesame-two")
    harness.timing.advance(by: .seconds(3600))
    try await client.ask()
    #expect(harness.oauth.sold == 2)

    // The profile is for another host now: its credentials are not for this host.
    write("sesame-three", host: "https://other.example.com")
    harness.timing.advance(by: .seconds(3600))
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(error?.serverMessage.contains("now names https://other.example.com") == true)
    #expect(harness.tokenRequests.count == 2)
  }

  @Test(arguments: [-3600, -60, 0, 60, 3600])
  func `a clock that differs from the server's does not matter`(skew: Int) async throws {
    let harness = OAuthHarness {
      $0.lifetime = .seconds(120)
      $0.skew = .seconds(skew)
    }
    let client = try harness.client()
    for _ in 0..<60 {
      try await client.ask()
      harness.timing.advance(by: .seconds(10))
    }
    // Ten minutes of two-minute tokens, each refreshed at half its life.
    #expect((5...11).contains(harness.oauth.sold))
    #expect(harness.workspace.requests.count == 60)
  }

  @Test func `a Retry-After date is the server's, and is compared with the server's clock`() async throws {
    let harness = OAuthHarness([
      .answer(
        status: 429,
        headers: [
          HTTPField("Retry-After", "Thu, 01 Jan 2026 01:00:09 GMT"), HTTPField("Date", "Thu, 01 Jan 2026 01:00:00 GMT"),
        ]), .json([:]),
    ])
    try await (try harness.client()).ask()
    #expect(harness.timing.pauses == [.seconds(9)])
  }

  @Test func `a token without a lifetime is used until it is refused`() async throws {
    let harness = OAuthHarness { $0.saysLifetime = false }
    let client = try harness.client()
    try await client.ask()
    harness.timing.advance(by: .seconds(3000))
    try await client.ask()
    #expect(harness.oauth.sold == 1)
    harness.timing.advance(by: .seconds(3000))
    try await client.ask()
    #expect(harness.oauth.sold == 2)
  }

  @Test func `a token that contains its expiry is trusted, by its server's clock`() async throws {
    // {"exp": 1767232900}, which is 100 s after the Date of the answer.
    let token = "e30.eyJleHAiOjE3NjcyMzI5MDB9.sig"
    let network = ScriptedTransport([.json([:])])
    let timing = TestTiming()
    let harness = OAuthHarness(timing: timing)
    let client = try harness.client(transport: { request in
      guard request.url.contains("/oidc/") || request.url.contains("/.well-known/") else {
        return try await network.transport(request)
      }
      return APIResponse(
        status: 200, headers: HTTPHeaders([HTTPField("Date", "Thu, 01 Jan 2026 02:00:00 GMT")]),
        body: ByteStream([Array(#"{"access_token":"\#(token)"}"#.utf8)]))
    })
    try await client.ask()
    #expect(HTTPHeaders(network.requests[0].headers)["Authorization"] == "Bearer \(token)")
  }

  @Test(arguments: [
    (
      ["/.well-known/databricks-config": #"{"oidc_endpoint":"https://workspace.example.com/oidc2/"}"#],
      "/oidc2/v1/token"
    ),
    (
      [
        "/.well-known/databricks-config":
          #"{"oidc_endpoint":"https://workspace.example.com/a/{account_id}","account_id":"7"}"#,
        "/a/7/.well-known/oauth-authorization-server": #"{"token_endpoint":"https://accounts.example.com/a/7/t"}"#,
      ], "/a/7/t"
    ),
    (
      [
        "/.well-known/databricks-config": #"{"oidc_endpoint":"https://workspace.example.com/a/{account_id}"}"#,
        "/oidc/.well-known/oauth-authorization-server": #"{"token_endpoint":"https://workspace.example.com/o/t"}"#,
      ], "/o/t"
    ),
    (
      ["/oidc/.well-known/oauth-authorization-server": #"{"token_endpoint":"https://workspace.example.com/o/t"}"#],
      "/o/t"
    ),
    (["/oidc/.well-known/oauth-authorization-server": "[]"], "/oidc/v1/token"),
    ([:], "/oidc/v1/token"),
  ])
  func `the token endpoint comes from the host's documents`(documents: [String: String], path: String) async throws {
    let harness = OAuthHarness {
      $0.documents = documents
      $0.tokenPath = path
    }
    let client = try harness.client()
    try await client.ask()
    try await client.ask()
    #expect(harness.oauth.sold == 1)
    #expect(harness.oauth.requests.first?.url == "https://workspace.example.com/.well-known/databricks-config")
    // The documents are public: no credentials are sent.
    for request in harness.oauth.requests where request.method == "GET" {
      #expect(HTTPHeaders(request.headers)["Authorization"] == nil)
    }
  }

  @Test func `a discovery URL that was given takes precedence over the host's documents`() async throws {
    let document = "/elsewhere/.well-known/server"
    let harness = OAuthHarness {
      $0.documents = [
        document: #"{"token_endpoint":"https://workspace.example.com/else"}"#,
        "/oidc/.well-known/oauth-authorization-server": #"{"token_endpoint":"https://workspace.example.com/o/t"}"#,
      ]
      $0.tokenPath = "/else"
    }
    let environment = OAuthHarness.client.merging(["DATABRICKS_DISCOVERY_URL": OAuthHarness.host + document]) { $1 }
    try await (try harness.client(environment)).ask()
    #expect(harness.oauth.sold == 1)
  }

  @Test func `credentials are never sent in plaintext`() async throws {
    let harness = OAuthHarness {
      $0.documents = ["/oidc/.well-known/oauth-authorization-server": #"{"token_endpoint":"http://x.example.com/t"}"#]
    }
    let client = try harness.client()
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(error?.kind == .untrustedServer)
    #expect(error?.serverMessage.contains("http://x.example.com/t without TLS") == true)
    #expect(harness.tokenRequests.isEmpty)
  }
}
