import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

/// Nothing that is thrown, described or dumped contains a token or a secret. Every secret of ``OAuthDouble`` has its
/// mark.
@Suite struct SecrecyTests {
  private static let ways: [[String: String]] = [
    OAuthHarness.client,
    [
      "DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_OIDC_TOKEN": OAuthDouble.identity,
      "DATABRICKS_CLIENT_ID": "sp-1",
    ],
    ["DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_OIDC_TOKEN_FILEPATH": "/run/token"],
    [
      "DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_CLIENT_ID": "sp-1",
      "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "sesame-job-token",
      "ACTIONS_ID_TOKEN_REQUEST_URL": "https://identity.example.com/t?v=2",
    ],
    ["DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_TOKEN": "sesame-personal-token"],
  ]

  /// Responses that repeat everything they were sent: headers and body.
  private static func parrot(_ status: Int, only part: String = "", harness: OAuthHarness) -> Transport {
    { request in
      guard request.url.contains(part) else { return try await harness.oauth.transport(request) }
      let shown = request.headers.map { "\($0.name): \($0.value)" }.joined(separator: " ")
      let words = "\(shown) \(String(decoding: request.body ?? [], as: UTF8.self))"
      let json = #"{"error":"refused","message":"\#(words.replacing("\"", with: "'"))"}"#
      return APIResponse(
        status: status, effectiveURL: request.url, body: ByteStream([Array((status == 200 ? words : json).utf8)]))
    }
  }

  @Test(arguments: ways)
  func `an error contains no secret, even if the server repeats it`(environment: [String: String]) async throws {
    for part in ["", "/oidc/v1/token", "/api/2.0/x", "identity.example.com"] {
      for status in [200, 302, 400, 401, 403, 404, 500, 503] {
        let harness = OAuthHarness()
        harness.files["/run/token"] = OAuthDouble.identity
        let client = try harness.client(
          environment, transport: Self.parrot(status, only: part, harness: harness),
          retryPolicy: RetryPolicy(budget: .zero, unreachableBudget: .zero))
        for method in ["GET", "PUT"] {
          do {
            try await client.ask(method)
          } catch {
            expectNoSecret(in: error)
          }
        }
      }
    }
  }

  @Test(arguments: ways)
  func `a network error contains no secret`(environment: [String: String]) async throws {
    for part in ["/oidc/v1/token", "/api/2.0/x", "identity.example.com"] {
      let harness = OAuthHarness()
      harness.files["/run/token"] = OAuthDouble.identity
      let client = try harness.client(
        environment,
        transport: { request in
          guard request.url.contains(part) else { return try await harness.oauth.transport(request) }
          let shown = request.headers.map(\.value).joined(separator: " ")
          throw HTTPClientError(code: .connect, message: "refused \(shown)", method: request.method, url: request.url)
        })
      do {
        try await client.ask()
      } catch {
        expectNoSecret(in: error)
      }
    }
  }

  @Test(arguments: ways)
  func `resolved credentials show no secret, printed or dumped`(environment: [String: String]) throws {
    let access = try OAuthHarness().resolver(environment).resolve()
    expectNoSecret(in: access)
    expectNoSecret(in: access.credentials)
    expectNoSecret(in: access.target)
    expectNoSecret(in: Secret("sesame"))
  }

  @Test func `a token that was used before is still kept out of messages`() async throws {
    let harness = OAuthHarness([.json([:]), .json([:]), .answer(status: 400, body: "was it sesame-access-token-1?")]) {
      $0.lifetime = .seconds(5)
    }
    let client = try harness.client()
    for _ in 0..<2 {
      try await client.ask()
      harness.timing.advance(by: .seconds(5))
    }
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(error?.serverMessage == "was it [redacted]?")
    #expect(harness.oauth.sold == 3)
  }

  private func expectNoSecret(in value: Any) {
    var dumped = ""
    dump(value, to: &dumped)
    for text in ["\(value)", String(reflecting: value), dumped] {
      #expect(!text.contains(OAuthDouble.mark), "\(text)")
      #expect(!text.contains("client%20secret") && !text.contains("c2VzYW1l"), "\(text)")
    }
  }
}
