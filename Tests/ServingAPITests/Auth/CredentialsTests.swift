import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

/// Which of several configured credentials are used, from the point of view of a command line.
@Suite struct CredentialsTests {
  private static let host = ["DATABRICKS_HOST": "https://h.example.com"]
  private static let client = ["DATABRICKS_CLIENT_ID": "id-1", "DATABRICKS_CLIENT_SECRET": "secret-1"]
  private static let job = [
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://identity.example.com/t?v=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job",
  ]
  private static let jobIdentity = IdentitySource.github(
    url: "https://identity.example.com/t?v=2", token: Secret("job"))

  private static let file = """
    [m2m]
    host = https://h.example.com
    client_id = file-id
    client_secret = file-secret
    account_id = acc
    workspace_id = 42
    [m2m-and-token]
    host = https://h.example.com
    client_id = file-id
    client_secret = file-secret
    token = file-token
    [chosen]
    host = https://h.example.com
    client_id = file-id
    client_secret = file-secret
    token = file-token
    auth_type = oauth-m2m
    [id-only]
    host = https://h.example.com
    client_id = file-id
    [federated]
    host = https://h.example.com
    client_id = file-id
    oidc_token_filepath = /var/run/token
    token_audience = me
    [named]
    host = https://h.example.com
    auth_type = env-oidc
    oidc_token_env = MY_TOKEN
    [ambient]
    host = https://h.example.com
    auth_type = env-oidc
    [token]
    host = https://h.example.com
    token = file-token
    [cli]
    host = https://h.example.com
    auth_type = databricks-cli
    """

  struct Case: CustomTestStringConvertible {
    let what: String
    var environment: [String: String] = [:]
    var profile: String?
    let expected: Expected
    var testDescription: String { what }

    enum Expected {
      case proof(Credentials.Proof, says: String)
      /// Each of these is a part of the error's text.
      case error([String])
    }
  }

  @Test(arguments: [
    Case(
      what: "a token", environment: host.merging(["DATABRICKS_TOKEN": "t"]) { $1 },
      expected: .proof(.token(Secret("t")), says: "pat: environment DATABRICKS_TOKEN")),
    Case(
      what: "client credentials in the environment", environment: host.merging(client) { $1 },
      expected: .proof(
        .client(id: "id-1", secret: Secret("secret-1")),
        says:
          "oauth-m2m: OAuth client id-1 (environment DATABRICKS_CLIENT_ID, environment DATABRICKS_CLIENT_SECRET)")),
    Case(
      what: "client credentials in a profile", profile: "m2m",
      expected: .proof(
        .client(id: "file-id", secret: Secret("file-secret")),
        says: "oauth-m2m: OAuth client file-id (profile m2m of /home/a/.databrickscfg)")),
    Case(
      what: "each setting in the environment overrides the file's",
      environment: ["DATABRICKS_CONFIG_PROFILE": "m2m", "DATABRICKS_CLIENT_SECRET": "secret-1"],
      expected: .proof(
        .client(id: "file-id", secret: Secret("secret-1")),
        says: "(profile m2m of /home/a/.databrickscfg, environment DATABRICKS_CLIENT_SECRET)")),
    Case(
      what: "a profile named by flag is used as a whole", environment: client.merging(["DATABRICKS_TOKEN": "t"]) { $1 },
      profile: "m2m",
      expected: .proof(.client(id: "file-id", secret: Secret("file-secret")), says: "OAuth client file-id")),
    Case(
      what: "an identity token in the environment",
      environment: host.merging(["DATABRICKS_OIDC_TOKEN": "jwt", "DATABRICKS_CLIENT_ID": "id-1"]) { $1 },
      expected: .proof(
        .federation(.environment(name: "DATABRICKS_OIDC_TOKEN", token: Secret("jwt")), clientID: "id-1"),
        says: "env-oidc: the OIDC token in DATABRICKS_OIDC_TOKEN, exchanged for service principal id-1 (")),
    Case(
      what: "an identity token in a different variable, for the account's policy",
      environment: host.merging(["DATABRICKS_OIDC_TOKEN_ENV": "MY_TOKEN", "MY_TOKEN": " jwt "]) { $1 },
      expected: .proof(
        .federation(.environment(name: "MY_TOKEN", token: Secret("jwt")), clientID: nil),
        says: "the OIDC token in MY_TOKEN (environment DATABRICKS_OIDC_TOKEN_ENV)")),
    Case(
      what: "a variable that a profile names", environment: ["MY_TOKEN": "jwt"], profile: "named",
      expected: .proof(
        .federation(.environment(name: "MY_TOKEN", token: Secret("jwt")), clientID: nil), says: "env-oidc")),
    Case(
      what: "the default variable, if a profile asks for it", environment: ["DATABRICKS_OIDC_TOKEN": "jwt"],
      profile: "ambient",
      expected: .proof(
        .federation(.environment(name: "DATABRICKS_OIDC_TOKEN", token: Secret("jwt")), clientID: nil),
        says: "env-oidc")),
    Case(
      what: "an identity token in a file",
      environment: host.merging(["DATABRICKS_OIDC_TOKEN_FILEPATH": "/t", "DATABRICKS_CLIENT_ID": "id-1"]) { $1 },
      expected: .proof(.federation(.file(path: "/t"), clientID: "id-1"), says: "file-oidc: the OIDC token in /t, ex")),
    Case(
      what: "the same through the variable's old name",
      environment: host.merging(["DATABRICKS_OIDC_TOKEN_FILE": "/t"]) { $1 },
      expected: .proof(.federation(.file(path: "/t"), clientID: nil), says: "environment DATABRICKS_OIDC_TOKEN_FILE)")),
    Case(
      what: "an identity token in a file that a profile names", profile: "federated",
      expected: .proof(.federation(.file(path: "/var/run/token"), clientID: "file-id"), says: "file-oidc")),
    Case(
      what: "a GitHub Actions job",
      environment: host.merging(job) { $1 }.merging(["DATABRICKS_CLIENT_ID": "id-1"]) { $1 },
      expected: .proof(
        .federation(jobIdentity, clientID: "id-1"), says: "github-oidc: GitHub's OIDC token of this job, exchanged")),
    Case(
      what: "a GitHub Actions job that has other credentials",
      environment: host.merging(job) { $1 }.merging(client) { $1 },
      expected: .proof(.client(id: "id-1", secret: Secret("secret-1")), says: "oauth-m2m")),
    Case(
      what: "a GitHub Actions job that has a token",
      environment: host.merging(job) { $1 }.merging(["DATABRICKS_TOKEN": "t"]) { $1 },
      expected: .proof(.token(Secret("t")), says: "pat")),
    Case(
      what: "a GitHub Actions job that has a token and asks for its identity",
      environment: host.merging(job) { $1 }
        .merging(["DATABRICKS_TOKEN": "t", "DATABRICKS_AUTH_TYPE": "github-oidc"]) { $1 },
      expected: .proof(.federation(jobIdentity, clientID: nil), says: "github-oidc")),
    Case(
      what: "the environment's choice among several",
      environment: host.merging(client) { $1 }
        .merging(["DATABRICKS_TOKEN": "t", "DATABRICKS_AUTH_TYPE": "OAuth-M2M"]) { $1 },
      expected: .proof(.client(id: "id-1", secret: Secret("secret-1")), says: "oauth-m2m")),
    Case(
      what: "the profile's choice among several", profile: "chosen",
      expected: .proof(.client(id: "file-id", secret: Secret("file-secret")), says: "oauth-m2m")),
    Case(
      what: "token and client in the environment",
      environment: host.merging(client) { $1 }.merging(["DATABRICKS_TOKEN": "t"]) { $1 },
      expected: .error([
        "more than one authentication method is configured: pat: environment DATABRICKS_TOKEN; oauth-m2m: environment "
          + "DATABRICKS_CLIENT_ID and environment DATABRICKS_CLIENT_SECRET",
        "DATABRICKS_AUTH_TYPE (\"auth_type\" in a profile): pat, oauth-m2m",
      ])),
    Case(
      what: "token and client in one profile", profile: "m2m-and-token",
      expected: .error([
        "pat: token in profile m2m-and-token of /home/a/.databrickscfg",
        "oauth-m2m: client_id in profile m2m-and-token of /home/a/.databrickscfg and client_secret in",
      ])),
    Case(
      what: "a token in the environment and a client in the profile that it names",
      environment: ["DATABRICKS_CONFIG_PROFILE": "m2m", "DATABRICKS_TOKEN": "t"],
      expected: .error(["pat: environment DATABRICKS_TOKEN; oauth-m2m: client_id in profile m2m"])),
    Case(
      what: "a client's secret and an identity token",
      environment: host.merging(client) { $1 }.merging(["DATABRICKS_OIDC_TOKEN": "jwt"]) { $1 },
      expected: .error(["env-oidc: environment DATABRICKS_OIDC_TOKEN; oauth-m2m: "])),
    Case(
      what: "two settings for an identity token",
      environment: host.merging(["DATABRICKS_OIDC_TOKEN": "jwt", "DATABRICKS_OIDC_TOKEN_FILEPATH": "/t"]) { $1 },
      expected: .error(["env-oidc: ", "file-oidc: environment DATABRICKS_OIDC_TOKEN_FILEPATH"])),
    Case(
      what: "a client without its secret", profile: "id-only",
      expected: .error([
        "client_id in profile id-only", "is set, but client_secret is not set", "DATABRICKS_OIDC_TOKEN_FILEPATH",
      ])),
    Case(
      what: "a secret without its client", environment: host.merging(["DATABRICKS_CLIENT_SECRET": "secret-1"]) { $1 },
      expected: .error(["environment DATABRICKS_CLIENT_SECRET is set, but client_id is not set"])),
    Case(
      what: "a choice without its credentials", environment: host.merging(["DATABRICKS_AUTH_TYPE": "oauth-m2m"]) { $1 },
      expected: .error(["environment DATABRICKS_AUTH_TYPE is oauth-m2m, but client_id is not set"])),
    Case(
      what: "a variable that is empty",
      environment: host.merging(["DATABRICKS_OIDC_TOKEN_ENV": "MY_TOKEN", "MY_TOKEN": " "]) { $1 },
      expected: .error(["MY_TOKEN (named by environment DATABRICKS_OIDC_TOKEN_ENV) is not set"])),
    Case(
      what: "not a GitHub Actions job", environment: host.merging(["DATABRICKS_AUTH_TYPE": "github-oidc"]) { $1 },
      expected: .error(["ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set", "id-token"])),
    Case(
      what: "another tool's login", profile: "cli",
      expected: .error(["auth_type in profile cli", "is databricks-cli", "pat, oauth-m2m, env-oidc, file-oidc"])),
    Case(
      what: "a password",
      environment: host.merging(["DATABRICKS_USERNAME": "u", "DATABRICKS_PASSWORD": "secret-1"]) { $1 },
      expected: .error(["environment DATABRICKS_USERNAME: this authentication method is not supported"])),
    Case(
      what: "credentials for no host", environment: client,
      expected: .error(["DATABRICKS_CLIENT_ID is set, but DATABRICKS_HOST is not"])),
    Case(
      what: "nothing", environment: host,
      expected: .error(["no token for https://h.example.com", "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"])),
  ])
  func `one authentication method is used, or the error names which settings were found`(item: Case) throws {
    let harness = OAuthHarness()
    harness.files["/home/a/.databrickscfg"] = Self.file
    let resolver = harness.resolver(item.environment)
    switch item.expected {
    case .proof(let proof, let words):
      let access = try resolver.resolve(profile: item.profile)
      #expect(access.credentials.proof == proof)
      #expect("\(access.target)".contains(words), "\(access.target)")
      #expect(!"\(access.target)".contains("secret-1") && !"\(access)".contains("file-secret"))
    case .error(let parts):
      let error = #expect(throws: TargetError.self) { try resolver.resolve(profile: item.profile) }
      for part in parts { #expect(error?.description.contains(part) == true, "\(error?.description ?? "")") }
      #expect(error?.description.contains("secret-1") == false)
      #expect(error?.description.contains("file-token") == false)
    }
  }

  @Test func `a target reports the authentication method and the identity`() throws {
    let harness = OAuthHarness()
    #expect(
      "\(try harness.resolver(Self.host.merging(Self.client) { $1 }).resolve().target)"
        == "https://h.example.com (environment DATABRICKS_HOST), authentication oauth-m2m: OAuth client id-1 "
        + "(environment DATABRICKS_CLIENT_ID, environment DATABRICKS_CLIENT_SECRET)")
  }

  @Test func `the workspace id is sent with each call if it was given`() async throws {
    let harness = OAuthHarness()
    harness.files["/home/a/.databrickscfg"] =
      "[p]\nhost = \(OAuthHarness.host)\ntoken = dapi-secret-token\nworkspace_id = 42\n"
    for (environment, expected) in [
      (["DATABRICKS_CONFIG_PROFILE": "p"], "42"),
      (["DATABRICKS_CONFIG_PROFILE": "p", "DATABRICKS_WORKSPACE_ID": "43"], "43"),
    ] {
      let client = try harness.client(environment, transport: harness.workspace.transport)
      try await client.ask()
      let headers = HTTPHeaders(try #require(harness.workspace.requests.last).headers)
      #expect(headers["X-Databricks-Workspace-Id"] == expected)
    }
  }
}
