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
      let rig = try WorkspaceRig()
      let date = handling == .inPlace ? "Thu, 01 Jan 2026 00:02:00 GMT" : "in two minutes"
      rig.workspace.fail("GET", path: "/chat", with: .throttled(retryAfter: date))
      let before = rig.world.now
      _ = try await APIProvider(rig.client).observe("chat")
      let waited = rig.world.now - before
      try require(waited >= .seconds(120), "waited \(waited)")
    },
    .removable(78, "a token expires during a wait") { handling in
      let rig = try WorkspaceRig { $0.tokenLife = .seconds(5) }
      rig.workspace.setFate(.readyAfter(.seconds(60)), model: ControllerWorld.model, version: "1")
      rig.workspace.setPersonalToken("token-without-renewal", of: "deployer@example.com")
      let environment = [
        "DATABRICKS_HOST": "https://workspace.example.com", "DATABRICKS_CLIENT_ID": "setpoint-client",
        "DATABRICKS_CLIENT_SECRET": "client-secret-of-a-test",
      ]
      let resolver = TargetResolver(
        environment: environment, readFile: { _ throws(TargetError) in nil },
        findPlanes: { () throws(TargetError) in LocalPlanes() })
      let access = handling == .inPlace ? try resolver.resolve() : .test
      if handling == .takenOut {
        rig.workspace.setPlan { number, _ in number > 3 ? .tokenExpired : nil }
      }
      let client = ServingClient(access, version: "test", transport: rig.workspace.transport, timing: rig.timing)
      let reconciler = Reconciler(
        provider: APIProvider(client), history: rig.world.history, options: .rig, servable: { _ in },
        now: { rig.world.now })
      let fleet = ControllerWorld.fleet(.chat("1"))
      let result = await rig.world.converge(["chat"], of: fleet, reconciler, ConvergenceLimits(timeout: .seconds(600)))
        .first
      try require(result?.isInSync == true, "\(result.map { "\($0.ending)" } ?? "nothing was done")")
      try require(rig.workspace.issuedTokens > 5, "only \(rig.workspace.issuedTokens) tokens were requested")
    },
    .checked(79, "a login page may have status 200") {
      for page in [WorkspaceDouble.Fault.loginPage, .privateLink] {
        let rig = try WorkspaceRig()
        rig.workspace.setPlan { _, _ in page }
        do {
          _ = try await APIProvider(rig.client).list()
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
