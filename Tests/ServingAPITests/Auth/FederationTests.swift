import LibCurl
import ServingAPI
import TestKit
import Testing

/// Tokens of other identity providers, exchanged for the workspace's.
@Suite struct FederationTests {
  private static let file = [
    "DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_OIDC_TOKEN_FILEPATH": "/run/token",
    "DATABRICKS_CLIENT_ID": "sp-1",
  ]
  private static let job = [
    "DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_CLIENT_ID": "sp-1",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://identity.example.com/t?v=2",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "sesame-job-token",
  ]

  @Test(arguments: [("sp-1", "sp-1"), (nil, nil)])
  func `a token in the environment is exchanged, for a service principal or for the account's policy`(
    client: String?, expected: String?
  ) async throws {
    let harness = OAuthHarness()
    var environment = ["DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_OIDC_TOKEN": OAuthDouble.identity]
    environment["DATABRICKS_CLIENT_ID"] = client
    try await (try harness.client(environment)).ask()
    let tokenRequest = try #require(harness.tokenRequests.first)
    var form = [
      "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "scope": "all-apis",
      "subject_token": OAuthDouble.identity, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    ]
    form["client_id"] = expected
    #expect(OAuthDouble.form(tokenRequest) == form)
    #expect(HTTPHeaders(tokenRequest.headers)["Authorization"] == nil)
  }

  @Test func `a token file is read again for each exchange`() async throws {
    let harness = OAuthHarness()
    harness.files["/run/token"] = " \(OAuthDouble.identity)\n"
    let client = try harness.client(Self.file)
    try await client.ask()
    harness.files["/run/token"] = "sesame-stale-identity"
    harness.timing.advance(by: .seconds(3600))
    let refused = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(refused?.kind == .unauthenticated)
    #expect(refused?.serverMessage.contains("invalid_grant: no policy takes [redacted] (HTTP 400)") == true)
    harness.files["/run/token"] = OAuthDouble.identity
    harness.timing.advance(by: .seconds(2))
    try await client.ask()
    #expect(harness.tokenRequests.count == 3)
  }

  @Test(arguments: [(nil, "file not found"), (" \n", "the file is empty")])
  func `a file without a token is reported with its path and its origin`(text: String?, words: String) async throws {
    let harness = OAuthHarness()
    harness.files["/run/token"] = text
    let client = try harness.client(Self.file)
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(error?.call == "read /run/token")
    #expect(error?.serverMessage.contains(words) == true)
    #expect(error?.advice?.contains("environment DATABRICKS_OIDC_TOKEN_FILEPATH") == true)
    #expect(harness.tokenRequests.isEmpty)
  }

  @Test(arguments: [
    (nil, [:], "https://workspace.example.com/oidc/v1/token"),
    ("me", ["/.well-known/databricks-config": #"{"token_federation_default_oidc_audiences":["them"]}"#], "me"),
    (
      nil,
      ["/.well-known/databricks-config": #"{"workspace_id":"1","token_federation_default_oidc_audiences":["them"]}"#],
      "them"
    ),
    (nil, ["/.well-known/databricks-config": #"{"account_id":"acc"}"#], "acc"),
    (
      nil, ["/.well-known/databricks-config": #"{"account_id":"acc","workspace_id":"1"}"#],
      "https://workspace.example.com/oidc/v1/token"
    ),
  ])
  func `a GitHub job requests an identity token for the audience that the host expects`(
    said: String?, documents: [String: String], audience: String
  ) async throws {
    let harness = OAuthHarness { $0.documents = documents }
    var environment = Self.job
    environment["DATABRICKS_TOKEN_AUDIENCE"] = said
    try await (try harness.client(environment)).ask()
    let question = try #require(harness.oauth.requests.first { $0.url.contains("identity.example.com") })
    #expect(question.url.hasPrefix("https://identity.example.com/t?v=2&audience="))
    #expect(
      question.url.hasSuffix("=" + audience.replacing(":", with: "%3A").replacing("/", with: "%2F")), "\(question.url)")
    #expect(OAuthDouble.form(try #require(harness.tokenRequests.first))["client_id"] == "sp-1")
  }

  @Test func `a job that may not request an identity token is told what it needs`() async throws {
    let harness = OAuthHarness()
    let client = try harness.client(Self.job.merging(["ACTIONS_ID_TOKEN_REQUEST_TOKEN": "sesame-other"]) { $1 })
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(error?.serverMessage.contains("GitHub issued no identity token") == true)
    #expect(error?.advice == "the job needs \"permissions: {id-token: write}\"")
    #expect(error?.call == "GET https://identity.example.com/t")
  }

  @Test func `a refused exchange shows the token's claims, which a policy compares`() async throws {
    // {"iss":"https://i","sub":"repo:a/b","aud":"x","exp":1767225500}, 100 s before the clock of the double.
    let claims = "eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJyZXBvOmEvYiIsImF1ZCI6IngiLCJleHAiOjE3NjcyMjU1MDB9"
    let harness = OAuthHarness()
    let client = try harness.client([
      "DATABRICKS_HOST": OAuthHarness.host, "DATABRICKS_OIDC_TOKEN": "e30.\(claims).sesame",
      "DATABRICKS_CLIENT_ID": "sp-1",
    ])
    let error = await #expect(throws: ServingError.self) { try await client.ask() }
    #expect(
      error?.advice
        == "check that the federation policy of service principal sp-1 accepts the OIDC token in "
        + "DATABRICKS_OIDC_TOKEN: issuer https://i, audience x, subject repo:a/b; it expired 100 s ago")
  }
}
