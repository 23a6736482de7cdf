import Commands
import Endpoints
import FoundationEssentials
import LibCurl
import ServingAPI
import TestKit
import Testing

/// Commands against a workspace that accepts only OAuth tokens: an apply outlasts its tokens.
@Suite struct AuthenticationTests {
  private static let environment = [
    "DATABRICKS_HOST": "https://workspace.example.com", "DATABRICKS_CLIENT_ID": OAuthDouble.clientID,
    "DATABRICKS_CLIENT_SECRET": OAuthDouble.clientSecret,
  ]

  /// A workspace whose rollouts take about a minute, its OAuth front, and a manifest.
  private struct Harness {
    let workspace = WorkspaceDouble()
    let oauth: OAuthDouble
    let directory: String

    init(directory: String, change: (inout OAuthDouble.Behaviors) -> Void) throws {
      self.directory = directory
      var behaviors = OAuthDouble.Behaviors()
      change(&behaviors)
      oauth = OAuthDouble(timing: workspace.timing, behaviors: behaviors, before: workspace.transport)
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
      for version in ["1", "2"] {
        workspace.setBehavior(.ready(polls: 60), model: "main.support.hello", version: version)
      }
      try write(version: "1")
    }

    func write(version: String) throws {
      try Data(Manifests.chat(version: version).utf8).write(to: URL(filePath: "\(directory)/chat.yaml"))
    }

    func run(
      _ command: String, environment: [String: String] = AuthenticationTests.environment, transport: Transport? = nil
    ) async -> CommandRun {
      await CommandRun(
        [command, "-f", "\(directory)/chat.yaml", "--state", "\(directory)/state"], environment: environment,
        transport: transport ?? oauth.transport, timing: workspace.timing)
    }
  }

  @Test(arguments: [-60, 0, 60])
  func `an apply of one minute outlasts tokens of five seconds, whatever the server's clock`(skew: Int) async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) {
        $0.lifetime = .seconds(5)
        $0.skew = .seconds(skew)
      }
      for version in ["1", "2"] {
        try harness.write(version: version)
        let start = harness.workspace.timing.elapsed
        let applied = await harness.run("apply")
        #expect(applied.code == 0, "\(applied)")
        #expect(harness.workspace.timing.elapsed - start >= .seconds(60))
        expectNoSecret(in: applied)
      }
      #expect(harness.oauth.sold > 40)
      // No call was refused: each token was refreshed before it expired.
      #expect(harness.workspace.writes.map(\.method) == ["POST", "PUT"])
      let diff = await harness.run("diff")
      #expect(diff.code == 0, "\(diff)")
    }
  }

  @Test(arguments: [
    ScriptedTransport.ScriptedResponse.error(401, "UNAUTHENTICATED", "Invalid access token."),
    .error(403, "403", "Invalid access token. [ReqId: 1]"),
  ])
  func `tokens that are refused during a wait do not fail an apply`(refusal: ScriptedTransport.ScriptedResponse)
    async throws
  {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { $0.refusal = refusal }
      let applied = await harness.run("apply") { request in
        // At every fifth read, all tokens have been revoked.
        let looks = harness.workspace.calls.filter { $0.method == "GET" }.count
        if request.method == "GET", looks > 0, looks.isMultiple(of: 5), harness.oauth.sold <= looks / 5 {
          harness.oauth.endAllTokens()
        }
        return try await harness.oauth.transport(request)
      }
      #expect(applied.code == 0, "\(applied)")
      #expect(harness.oauth.sold >= 3)
      #expect(harness.workspace.writes.map(\.method) == ["POST"])
    }
  }

  @Test func `a write whose token is refused is retried once and takes effect only once`() async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { _ in }
      let applied = await harness.run("apply") { request in
        if request.method == "POST", request.url.hasSuffix("/serving-endpoints"), harness.oauth.sold == 1 {
          harness.oauth.endAllTokens()
        }
        return try await harness.oauth.transport(request)
      }
      #expect(applied.code == 0, "\(applied)")
      #expect(harness.oauth.sold == 2)
      #expect(harness.workspace.landed.filter { $0.method == "POST" }.count == 1)
    }
  }

  @Test func `a token service that is unavailable during a wait does not fail an apply`() async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { $0.lifetime = .seconds(5) }
      harness.oauth.planTokenAnswers(
        [.error(503, "TEMPORARILY_UNAVAILABLE", "later"), .lost(), .error(500, "INTERNAL", "oops")])
      let applied = await harness.run("apply")
      #expect(applied.code == 0, "\(applied)")
    }
  }

  @Test func `a refused token does not hold a version, even if the workspace answers 403`() async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { _ in }
      let token = CommandRun.environment
      let workspace = harness.workspace.transport
      #expect(await harness.run("apply", environment: token, transport: workspace).code == 0)
      try harness.write(version: "2")
      harness.workspace.fail(
        "PUT", with: .answer(status: 403, errorCode: "403", message: "Invalid access token. [ReqId: 1]"))
      let refused = await harness.run("apply", environment: token, transport: workspace)
      #expect(refused.code == 0, "it is retried, and nothing is held: \(refused)")
      #expect(harness.workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion == "2")
      let applied = await harness.run("apply", environment: token, transport: workspace)
      #expect(applied.code == 0, "\(applied)")
      let diff = await harness.run("diff", environment: token, transport: workspace)
      #expect(diff.code == 0, "\(diff)")
    }
  }

  @Test func `the target line shows the authentication method and the identity`() async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { _ in }
      let diff = await harness.run("diff")
      #expect(
        diff.notes.contains(
          "target: https://workspace.example.com (environment DATABRICKS_HOST), authentication oauth-m2m: OAuth client "
            + OAuthDouble.clientID))
      expectNoSecret(in: diff)
    }
  }

  @Test func `a refused client is told what to check, and its secret is not shown`() async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { _ in }
      harness.oauth.changeClientSecret(to: "another")
      for command in ["diff", "apply"] {
        let refused = await harness.run(command)
        #expect(refused.code != 0)
        #expect(refused.notes.contains("invalid_client: Client authentication failed"), "\(refused)")
        #expect(refused.notes.contains("check the client ID and its secret (environment DATABRICKS_CLIENT_ID, "))
        expectNoSecret(in: refused)
      }
      #expect(harness.workspace.calls.isEmpty)
    }
  }

  @Test
  func `two authentication methods at once are an error that names both, before any request is sent`() async throws {
    try await withTemporaryDirectory { directory in
      let harness = try Harness(directory: directory) { _ in }
      let refused = await harness.run(
        "apply", environment: Self.environment.merging(["DATABRICKS_TOKEN": "sesame-personal"]) { $1 })
      #expect(refused.code != 0)
      #expect(refused.notes.contains("pat: environment DATABRICKS_TOKEN; oauth-m2m: environment DATABRICKS_CLIENT_ID"))
      expectNoSecret(in: refused)
      #expect(harness.oauth.requests.isEmpty)
    }
  }

  private func expectNoSecret(in run: CommandRun) {
    #expect(!"\(run)".contains(OAuthDouble.mark), "\(run)")
  }
}
