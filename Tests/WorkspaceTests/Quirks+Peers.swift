import CanonicalJSON
import Controller
import ControllerKit
import Endpoints
import Planning
import ServingAPI
import TestKit

/// 4.6: what the peers got wrong.
extension Quirk {
  static let peers: [Quirk] = [
    .checked(64, "an endpoint whose create takes long must not be deleted") {
      let harness = try WorkspaceHarness()
      harness.workspace.setBehavior(.readyAfter(.seconds(2 * 3600)), model: Environment.model, version: "1")
      _ = try await harness.apply(.chat("1"), limits: ConvergenceLimits(timeout: .seconds(3600)))
      try require(harness.workspace.writes.allSatisfy { $0.method != "DELETE" }, "\(harness.workspace.writes)")
      harness.environment.advance(.seconds(2 * 3600))
      _ = try await harness.apply(.chat("1"))
      try await harness.requireNoDrift(.chat("1"), "in the end")
    },
    .checked(65, "notifications and telemetry are updated too") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      var settings = SideSettings.everything
      settings.notifications = NotificationSettings(onUpdateSuccess: ["b@example.com"])
      settings.telemetry = TelemetrySettings(logsTable: "main.logs.other", samplingFraction: 1)
      let edited = DesiredEndpoint.chat("1", settings: settings)
      try await harness.requireInSync(edited, try await harness.apply(edited), "edited")
      let shown = harness.workspace.member("email_notifications", of: "chat")
      try require(shown?["on_update_success"] == ["b@example.com"], "\(shown?.text() ?? "none")")
      let table = harness.workspace.member("telemetry_config", of: "chat")?["inference_table_config"]?["name"]
      try require(table == "main.logs.other_payload", "the payload table is \(table?.text() ?? "none")")
    },
    .removable(66, "a gateway's fallback must not be lost in an update of another part") { handling in
      let drop = CallInterceptor.body("PUT", "/ai-gateway") { $0.set("fallback_config", nil) }
      let harness = try WorkspaceHarness(handling == .takenOut ? drop : CallInterceptor())
      func endpoint(_ calls: Int64) -> DesiredEndpoint {
        .chat("1", settings: SideSettings(gateway: GatewaySettings(rateLimits: [RateLimit(key: "user", calls: calls)])))
      }
      try await harness.apply(endpoint(10))
      harness.workspace.foreign(
        "PUT", "/api/2.0/serving-endpoints/chat/ai-gateway",
        [
          "fallback_config": ["enabled": true],
          "rate_limits": [["key": "user", "calls": 10, "renewal_period": "minute"]],
        ])
      _ = try await harness.apply(endpoint(20))
      let shown = harness.workspace.member("ai_gateway", of: "chat")
      try require(shown?["fallback_config"]?["enabled"] == true, "the gateway is \(shown?.text() ?? "gone")")
    },
    .checked(67, "a gateway that leaves the manifest is removed") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      var settings = SideSettings.everything
      settings.gateway = nil
      let without = DesiredEndpoint.chat("1", settings: settings)
      try await harness.requireInSync(without, try await harness.apply(without), "without a gateway")
      let limits = harness.workspace.member("ai_gateway", of: "chat")?["rate_limits"]?.arrayValue ?? []
      try require(limits.isEmpty, "the limits are \(limits)")
      try await harness.requireInSync(.chat("1"), try await harness.apply(.chat("1")), "with a gateway again")
    },
    .checked(68, "tags are set even if the rollout fails") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      var settings = SideSettings.everything
      settings = SideSettings(
        tags: ["team": "other"], gateway: settings.gateway, notifications: settings.notifications,
        telemetry: settings.telemetry, access: settings.access, creation: settings.creation)
      let result = try await harness.apply(.chat("3", settings: settings))
      try require(result?.holdCode == .quarantined, "\(result.map { "\($0.ending)" } ?? "nothing was done")")
      _ = try await harness.apply(.chat("3", settings: settings))
      let tags = harness.workspace.endpoint("chat")?.tags ?? [:]
      try require(tags["team"] == "other", "the tags are \(tags)")
    },
    .checked(69, "no plan shows a secret") {
      let harness = try WorkspaceHarness()
      let secret = "sesame-in-an-environment"
      try await harness.apply(.chat([.llm("1", environment: ["PASSWORD": secret])]))
      let changed = DesiredEndpoint.chat([.llm("1", environment: ["PASSWORD": secret + "-2", "HF": "{{secrets/a/b}}"])])
      let plan = try await harness.diff(changed)
      let fields = plan.changes.flatMap(\.fields)
      try require(fields.contains { $0.path.contains("PASSWORD") }, "the change is not shown: \(fields)")
      try require(fields.allSatisfy { !"\($0)".contains(secret) }, "\(fields)")
      try require(fields.contains { "\($0)".contains("{{secrets/a/b}}") }, "a reference may be shown: \(fields)")
    },
    .checked(70, "an unknown level is reported with the valid ones") {
      let text = manifest(flat("size: Small") + "\n  access: [{group: support, level: CanFly}]")
      try requireFinding("CanManage", in: text)
    },
    .checked(71, "a failure is reported with its reason, not only a state") {
      // Some servers show it after the failure, some only until then.
      for keeps in [false, true] {
        let harness = try WorkspaceHarness {
          $0.keepsPendingAfterFailure = keeps
          $0.showsFailureEarly = !keeps
        }
        try await harness.apply(.chat("1"))
        let result = try await harness.apply(.chat("3"))
        let told = result?.last?.decision.reason.detail ?? ""
        try require(told.contains("unsupported dtype"), "reported: \(told)")
      }
    },
    .checked(72, "a manifest without a config is refused, and not read as nothing to do") {
      try requireFinding("model", in: manifest("  suspend: false"))
    },
    .checked(73, "a denied delete is an error, and the endpoint stays") {
      let harness = try WorkspaceHarness()
      try await harness.apply(.chat("1"))
      harness.workspace.fail("DELETE", path: "/chat", times: 20, with: .denied)
      let result = try await harness.apply(
        ControllerEnvironment.fleet(), .harnessPruning, limits: ConvergenceLimits(timeout: .seconds(60))
      ).first
      try require(result?.isInSync != true, "the delete was reported as done")
      try require(harness.workspace.endpoint("chat") != nil, "it is gone")
    },
    .checked(74, "only a real 404 means absent") {
      let answers: [WorkspaceDouble.Fault] = [
        .denied, .errorPage, .loginPage, .refuseConnection, .loseRequest, .tokenExpired,
        .answer(status: 500, errorCode: "INTERNAL_ERROR", message: "does not exist"),
        .response(status: 404, body: "<html><title>404</title></html>"), .response(status: 200, body: "{}"),
      ]
      for answer in answers {
        let harness = try WorkspaceHarness()
        harness.workspace.setPlan { _, call in call.method == "GET" && call.path.hasSuffix("/chat") ? answer : nil }
        let observed = try await harness.reconciler(.harness).assess("chat", desired: .none).observed
        guard case .unreadable = observed else {
          throw QuirkViolation(description: "\(answer) was read as \(observed)")
        }
        _ = try await harness.apply(.chat("1"), limits: ConvergenceLimits(timeout: .seconds(10)))
        try require(harness.workspace.writes.isEmpty, "\(answer): \(harness.workspace.writes)")
      }
    },
  ]

  private typealias Environment = ControllerEnvironment
}
