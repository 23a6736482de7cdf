import CanonicalJSON
import FoundationEssentials
import Testing

@testable import ServingPlane

/// The calls about settings beside the config, on a running plane.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct SettingsCallTests {
  private static let base = "/api/2.0/serving-endpoints"
  private static let gateway: JSONValue = [
    "rate_limits": [["key": "user", "calls": 60, "renewal_period": "minute"]],
    "usage_tracking_config": ["enabled": true],
  ]
  private static let lists: JSONValue = ["on_update_success": [], "on_update_failure": ["oncall@example.com"]]

  @Test func `settings are shown as they were set, also by the next plane, and create no config version`() async throws
  {
    let data = TestData()
    let (endpoint, base) = ("\(Self.base)/chat", Self.base)
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        _ = try await plane.waitUntilSettled("chat")
        let gateway = try await plane.call("PUT", "\(endpoint)/ai-gateway", Self.gateway)
        #expect(gateway.status == 200 && gateway.json == Self.gateway, "\(gateway.text)")
        let notified = try await plane.call(
          "PATCH", "\(endpoint)/notifications", ["email_notifications": Self.lists])
        #expect(notified.json == ["name": "chat", "email_notifications": Self.lists], "\(notified.text)")
        let telemetry = try await plane.call(
          "PATCH", "\(endpoint)/telemetry-config",
          ["telemetry_config": ["table_names": ["logs_table": "main.telemetry.chat"]]])
        #expect(telemetry.status == 200, "\(telemetry.text)")
      }
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        let shown = try await plane.get("chat").json
        #expect(shown["ai_gateway"] == Self.gateway && shown["email_notifications"] == Self.lists)
        #expect(shown["telemetry_config"]?["table_names"] == ["logs_table": "main.telemetry.chat"])
        #expect(shown["config"]?["config_version"] == 1)
        let item = try await plane.call("GET", base).json["endpoints"]?.arrayValue?.first
        #expect(item?["ai_gateway"] == Self.gateway)
        #expect(item?["email_notifications"] == nil && item?["telemetry_config"] == nil)
        for (method, path) in [("PUT", "ai-gateway"), ("PATCH", "telemetry-config")] {
          let removed = try await plane.call(method, "\(endpoint)/\(path)", [:])
          #expect(removed.status == 200, "\(removed.text)")
        }
        let left = try await plane.get("chat").json
        #expect(left["ai_gateway"] == nil && left["telemetry_config"] == nil)
        _ = try await plane.call("DELETE", endpoint)
      }
    }
  }

  @Test func `an endpoint is created with its settings, and telemetry is dropped if it has no config`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let body: JSONValue = [
        "name": "chat", "ai_gateway": Self.gateway, "email_notifications": Self.lists,
        "telemetry_config": ["table_names": ["logs_table": "main.telemetry.chat"]],
      ]
      let created = try await plane.call("POST", Self.base, body)
      #expect(created.status == 200, "\(created.text)")
      #expect(created.json["ai_gateway"] == Self.gateway && created.json["email_notifications"] == Self.lists)
      #expect(created.json["telemetry_config"] == nil)
    }
  }

  @Test func `settings are refused while they cannot be set, and for endpoints that do not exist`() async throws {
    let data = TestData()
    try await withMemoryBackend { backend in
      try await withPlane(data, adjust: { $0.backend = backend }) { plane in
        let telemetry: JSONValue = ["telemetry_config": ["table_names": ["logs_table": "main.telemetry.chat"]]]
        _ = try await plane.call("POST", Self.base, ["name": "empty"])
        let early = try await plane.call("PATCH", "\(Self.base)/empty/telemetry-config", telemetry)
        #expect(early.status == 400 && early.code == "INVALID_PARAMETER_VALUE", "\(early.text)")
        for (method, path) in [("PUT", "ai-gateway"), ("PATCH", "telemetry-config")] {
          let missing = try await plane.call(method, "\(Self.base)/nobody/\(path)", [:])
          #expect(missing.status == 404 && missing.code == "RESOURCE_DOES_NOT_EXIST", "\(missing.text)")
        }
        let nothing = try await plane.call("PATCH", "\(Self.base)/empty/notifications", [:])
        #expect(nothing.status == 400 && nothing.message == "email_notifications is missing", "\(nothing.text)")

        backend.setLoading(true)
        _ = try await plane.register("hello", try data.model())
        _ = try await plane.create("chat", [entity("hello", 1)])
        let busy = try await plane.call("PATCH", "\(Self.base)/chat/telemetry-config", telemetry)
        #expect(busy.status == 409 && busy.code == "RESOURCE_CONFLICT", "\(busy.text)")
        let gateway = try await plane.call("PUT", "\(Self.base)/chat/ai-gateway", Self.gateway)
        #expect(gateway.status == 200, "an update does not block it: \(gateway.text)")
        backend.setLoading(false)
        _ = try await plane.waitUntilSettled("chat")
        let late = try await plane.call("PATCH", "\(Self.base)/chat/telemetry-config", telemetry)
        #expect(late.status == 200, "\(late.text)")
        let legacy = try await plane.call("PUT", "\(Self.base)/chat/rate-limits", [:])
        #expect(legacy.status == 501 && legacy.message.contains("/ai-gateway"), "\(legacy.text)")
      }
    }
  }

  @Test func `nothing is left to do after apply, for every setting that a plane has`() async throws {
    let data = TestData()
    let manifest = data.path + "/chat.yaml"
    let text = """
      apiVersion: serving.setpoint.dev/v1alpha1
      kind: ServingEndpoint
      metadata:
        name: chat
      spec:
        model: hello
        entityVersion: "1"
        gateway:
          rateLimits:
            - {key: endpoint, calls: 600}
            - {key: user, principal: Lead@example.com, tokens: 5000}
            - {key: user_group, principal: Interns, calls: 0}
          usageTracking: true
          inferenceTable: {catalog: main, schema: logs}
        notifications:
          onUpdateFailure: [oncall@example.com, "https://hooks.example.com/serving"]
        telemetry:
          logsTable: main.telemetry.chat_logs
          metricsTable: main.telemetry.chat_metrics
          samplingFraction: 0.25

      """
    try Data(text.utf8).write(to: URL(filePath: manifest))
    let plane = try BinaryRun.serve(data, "--port", "0")
    _ = try await plane.listening()
    let register = try BinaryRun(
      data, ["models", "register", "hello", try data.model(), "--entrypoint", TestData.entrypoint])
    #expect(try await register.ended() == .code(0), "\(register.text)")
    let apply = try BinaryRun(data, ["apply", "-f", manifest])
    #expect(try await apply.ended() == .code(0), "\(apply.text)")
    let diff = try BinaryRun(data, ["diff", "-f", manifest, "--detailed-exitcode"])
    #expect(try await diff.ended() == .code(0), "\(diff.text)")
    let removal = text.replacing("    rateLimits:\n", with: "    rateLimits: []\n")
      .split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("- {key:") }.joined(
        separator: "\n")
    try Data(removal.utf8).write(to: URL(filePath: manifest))
    let changed = try BinaryRun(data, ["diff", "-f", manifest, "--detailed-exitcode"])
    #expect(try await changed.ended() == .code(2), "\(changed.text)")
    #expect(changed.text.contains("gateway.rateLimits[key=endpoint]"), "\(changed.text)")
  }
}
