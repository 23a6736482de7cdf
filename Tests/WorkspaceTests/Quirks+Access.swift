import Controller
import ControllerKit
import Endpoints
import Planning
import ServingAPI
import TestKit

/// 4.7: how a user's settings lead to a token, and what happens to it.
extension Quirk {
  static let access: [Quirk] = [
    .checked(75, "two kinds of credentials are an error that names both") {
      let error = refusal([
        "DATABRICKS_HOST": "https://w.example.com", "DATABRICKS_TOKEN": "dapi", "DATABRICKS_CLIENT_ID": "id",
        "DATABRICKS_CLIENT_SECRET": "secret",
      ])
      try require(
        error.contains("DATABRICKS_TOKEN") && error.contains("DATABRICKS_CLIENT_ID"), "the error is: \(error)")
    },
    .checked(76, "a profile inherits nothing from DEFAULT") {
      let file =
        "[DEFAULT]\nhost = https://d.example.com\ntoken = default-token\n[bare]\nhost = https://b.example.com\n"
      let resolver = TargetResolver(
        environment: ["HOME": "/home/a", "DATABRICKS_CONFIG_PROFILE": "bare"],
        readFile: { _ throws(TargetError) in file }, findPlanes: { () throws(TargetError) in LocalPlanes() })
      do throws(TargetError) {
        let access = try resolver.resolve()
        throw TargetError("resolved to \(access.target.url)", advice: "")
      } catch {
        try require(!error.description.contains("resolved to"), error.description)
      }
    },
    .removable(77, "Retry-After may be a date") { handling in
      let harness = try WorkspaceHarness()
      let date = handling == .inPlace ? "Thu, 01 Jan 2026 00:02:00 GMT" : "in two minutes"
      harness.workspace.fail("GET", path: "/chat", with: .throttled(retryAfter: date))
      let before = harness.environment.now
      _ = try await APIProvider(harness.client).observe("chat")
      let waited = harness.environment.now - before
      try require(waited >= .seconds(120), "waited \(waited)")
    },
    .removable(78, "a token expires during a wait") { handling in
      let harness = try WorkspaceHarness { $0.tokenLife = .seconds(5) }
      harness.workspace.setBehavior(.readyAfter(.seconds(60)), model: ControllerEnvironment.model, version: "1")
      harness.workspace.setPersonalToken("token-without-renewal", of: "deployer@example.com")
      let variables = [
        "DATABRICKS_HOST": "https://workspace.example.com", "DATABRICKS_CLIENT_ID": "setpoint-client",
        "DATABRICKS_CLIENT_SECRET": "client-secret-of-a-test",
      ]
      let resolver = TargetResolver(
        environment: variables, readFile: { _ throws(TargetError) in nil },
        findPlanes: { () throws(TargetError) in LocalPlanes() })
      let access = handling == .inPlace ? try resolver.resolve() : .test
      if handling == .takenOut {
        harness.workspace.setPlan { number, _ in number > 3 ? .tokenExpired : nil }
      }
      let client = ServingClient(
        access, version: "test", transport: harness.workspace.transport, timing: harness.timing)
      let reconciler = Reconciler(
        provider: APIProvider(client), history: harness.environment.history, options: .harness, servable: { _ in },
        now: { harness.environment.now })
      let fleet = ControllerEnvironment.fleet(.chat("1"))
      let result = await harness.environment.converge(
        ["chat"], of: fleet, reconciler, ConvergenceLimits(timeout: .seconds(600))
      )
      .first
      try require(result?.isInSync == true, "\(result.map { "\($0.ending)" } ?? "nothing was done")")
      try require(harness.workspace.issuedTokens > 5, "only \(harness.workspace.issuedTokens) tokens were requested")
    },
    .checked(79, "a login page may have status 200") {
      for page in [WorkspaceDouble.Fault.loginPage, .privateLink] {
        let harness = try WorkspaceHarness()
        harness.workspace.setPlan { _, _ in page }
        do {
          _ = try await APIProvider(harness.client).list()
          throw QuirkViolation(description: "\(page) was read as a list")
        } catch let error as ServingError {
          try require(error.kind == .permissionDenied, "\(page) is \(error.kind)")
        }
      }
    },
  ]

  /// The reason why these settings are refused.
  private static func refusal(_ environment: [String: String]) -> String {
    let resolver = TargetResolver(
      environment: environment, readFile: { _ throws(TargetError) in nil },
      findPlanes: { () throws(TargetError) in LocalPlanes() }
    )
    do throws(TargetError) {
      return "resolved to \(try resolver.resolve().target.url)"
    } catch {
      return error.description
    }
  }
}
