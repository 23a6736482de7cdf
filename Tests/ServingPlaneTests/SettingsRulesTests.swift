import CanonicalJSON
import Gateway
import Scheduling
import ServingAPI
import Telemetry
import Testing

@testable import ServingPlane

/// What the plane accepts and keeps of the settings beside the config.
struct SettingsRulesTests {
  struct Refusal: CustomTestStringConvertible, Sendable {
    let block: JSONValue
    let says: String
    var testDescription: String { says }
  }

  private func gateway(_ block: JSONValue, replacing live: JSONValue? = nil) throws -> JSONValue? {
    try SettingsRules.gateway(#require(WireGateway(block)), replacing: WireGateway(live))?.json
  }

  private static func limit(_ members: [String: JSONValue]) -> JSONValue {
    let limit: [String: JSONValue] = ["renewal_period": "minute", "calls": 1]
    return ["rate_limits": [.object(limit.merging(members) { $1 })]]
  }

  static let refusedGateways = [
    Refusal(block: ["rate_limits": 1], says: "ai_gateway.rate_limits: expected an array"),
    Refusal(block: limit(["renewal_period": "hour"]), says: "rate_limits[0].renewal_period must be \"minute\""),
    Refusal(block: limit(["renewal_period": nil]), says: "rate_limits[0].renewal_period must be \"minute\""),
    Refusal(block: limit(["key": "tenant"]), says: "key \"tenant\" is unknown; supported: endpoint, user, user_group"),
    Refusal(block: limit(["calls": nil]), says: "sets neither calls nor tokens"),
    Refusal(block: limit(["calls": -1]), says: "calls must not be negative; it is -1"),
    Refusal(block: limit(["tokens": -2]), says: "tokens must not be negative; it is -2"),
    Refusal(block: limit(["key": "user_group"]), says: "principal is required for the key user_group"),
    Refusal(
      block: limit(["key": "service_principal", "principal": ""]),
      says: "principal is required for the key service_principal"),
    Refusal(
      block: limit(["key": "endpoint", "principal": "ci"]), says: "principal does not apply to the key endpoint"),
    Refusal(block: ["guardrails": ["input": ["safety": true]]], says: "ai_gateway.guardrails is not supported"),
    Refusal(block: ["fallback_config": ["enabled": true]], says: "ai_gateway.fallback_config is not supported"),
    Refusal(block: ["future": 1], says: "ai_gateway.future is not supported"),
    Refusal(
      block: ["inference_table_config": ["enabled": true, "catalog_name": "main"]],
      says: "requires catalog_name and schema_name"),
  ]

  @Test(arguments: refusedGateways) func `a gateway block that cannot hold is refused by name`(_ refusal: Refusal) {
    let error = #expect(throws: APIError.self) { try gateway(refusal.block) }
    #expect(error?.status == 400 && error?.code == "INVALID_PARAMETER_VALUE")
    #expect(error?.message.contains(refusal.says) == true, "\(error?.message ?? "")")
  }

  @Test func `a block is kept as it was sent, without what is off, and an empty one removes it`() throws {
    let table: JSONValue = ["catalog_name": "main", "schema_name": "logs", "enabled": true]
    let block: JSONValue = [
      "rate_limits": [["renewal_period": "minute", "key": "user", "calls": 0]],
      "usage_tracking_config": ["enabled": false], "inference_table_config": table,
    ]
    #expect(try gateway(block) == block)
    var more = try #require(block.objectValue)
    more["fallback_config"] = ["enabled": false]
    more["guardrails"] = [:]
    #expect(try gateway(.object(more)) == block)
    #expect(try gateway([:]) == nil)
    #expect(try gateway(["rate_limits": []]) == nil)
  }

  @Test func `the names of an inference table change only while it is off`() throws {
    func table(_ schema: String, enabled: Bool) -> JSONValue {
      [
        "inference_table_config": [
          "catalog_name": "main", "schema_name": .string(schema), "enabled": .bool(enabled),
        ]
      ]
    }
    let live = table("logs", enabled: true)
    let error = #expect(throws: APIError.self) { try gateway(table("other", enabled: true), replacing: live) }
    #expect(error?.message.contains("must be disabled before its names can change") == true)
    let off = table("logs", enabled: false)
    #expect(try gateway(off, replacing: live) == off)
    #expect(try gateway(table("other", enabled: true), replacing: off) == table("other", enabled: true))
  }

  @Test func `rate limits apply to the principals that the API means`() throws {
    func limit(_ key: String, _ principal: String? = nil, calls: Int64? = nil, tokens: Int64? = nil) -> JSONValue {
      var limit: [String: JSONValue] = ["key": .string(key), "renewal_period": "minute"]
      limit["principal"] = principal.map { .string($0) }
      limit["calls"] = calls.map { .int($0) }
      limit["tokens"] = tokens.map { .int($0) }
      return .object(limit)
    }
    var settings = EndpointSettings()
    settings.gateway = [
      "rate_limits": [
        limit("endpoint", calls: 600), limit("user", calls: 60), limit("user", "Anna@Example.com", tokens: 5),
        limit("service_principal", "ci", calls: 7), limit("user_group", "Interns", calls: 9, tokens: 20),
        limit("user_group", "Interns", calls: 8), limit("tenant", "x", calls: 1),
      ]
    ]
    #expect(
      settings.querySettings.rateLimits == [
        RateLimit(.endpoint, calls: 600), RateLimit(.eachPrincipal, calls: 60),
        RateLimit(.principal("anna@example.com"), tokens: 5), RateLimit(.principal("ci"), calls: 7),
        RateLimit(.group("Interns"), calls: 8, tokens: 20),
      ])
  }

  @Test func `payloads are recorded only if somebody asks for them`() {
    func sampling(table: Bool?, fraction: JSONValue? = nil, features: [JSONValue] = []) -> Double {
      var settings = EndpointSettings()
      settings.gateway = table.map { ["inference_table_config": ["enabled": .bool($0)]] }
      if let fraction {
        settings.telemetry = [
          "inference_table_config": ["sampling_fraction": fraction], "enabled_telemetry_features": .array(features),
        ]
      }
      return settings.querySettings.payloadSampling
    }
    #expect(sampling(table: nil) == 0)
    #expect(sampling(table: false) == 0)
    #expect(sampling(table: true) == 1)
    #expect(sampling(table: true, fraction: 0.25) == 0.25)
    #expect(sampling(table: nil, fraction: 0.25) == 0.25)
    #expect(sampling(table: nil, fraction: 1) == 1)
    #expect(sampling(table: nil, fraction: 0.25, features: ["TELEMETRY_FEATURE_LOGS"]) == 0)
    #expect(sampling(table: nil, fraction: 0.25, features: ["TELEMETRY_FEATURE_INFERENCE_TABLE"]) == 0.25)
  }

  // MARK: Notifications

  @Test func `a list of addresses that a call omits stays, and an empty one removes it`() throws {
    func change(_ lists: JSONValue, _ live: JSONValue? = nil) throws -> JSONValue? {
      try SettingsRules.notifications(#require(WireNotifications(lists)), changing: WireNotifications(live))?.json
    }
    let both = try change([
      "on_update_success": ["a@example.com"], "on_update_failure": ["https://hooks.example.com/x"],
    ])
    #expect(both?["on_update_success"] == ["a@example.com"])
    let one = try change(["on_update_success": []], both)
    #expect(one == ["on_update_success": [], "on_update_failure": ["https://hooks.example.com/x"]])
    #expect(try change(["on_update_failure": []], one) == nil)
  }

  @Test(arguments: [
    "nobody", "a@b", "a@example.com\r\nBcc: b@example.com", "https://", "ftp://example.com/x", "https://exa mple.com",
    "https://example.com/\u{7}", "",
  ])
  func `what is neither an address nor a URL is refused without being repeated`(_ text: String) throws {
    let lists: JSONValue = ["on_update_failure": ["a@example.com", .string(text)]]
    let error = #expect(throws: APIError.self) {
      try SettingsRules.notifications(#require(WireNotifications(lists)), changing: nil)
    }
    #expect(
      error?.message
        == "email_notifications.on_update_failure[1] is neither an email address nor an http or https URL")
  }

  // MARK: Telemetry

  private func telemetry(_ wanted: JSONValue, _ live: JSONValue? = nil) throws -> JSONValue? {
    try SettingsRules.telemetry(#require(WireTelemetry(wanted)), changing: WireTelemetry(live), of: "id")?.json
  }

  @Test func `table names are kept under a profile of their own, and are the names of views`() throws {
    let tables: JSONValue = [
      "logs_table": "main.telemetry.chat_logs", "metrics_table": "chat metrics", "traces_table": "s.chat_traces",
    ]
    let kept = try #require(
      try telemetry(["table_names": tables, "inference_table_config": ["sampling_fraction": 0.1]]))
    #expect(kept["table_names"] == tables)
    #expect(kept["inference_table_config"]?["name"] == "main.telemetry.chat_logs_payload")
    let profile = try #require(kept["telemetry_profile_id"]?.stringValue)
    #expect(profile.hasPrefix("plane-"))
    // Whoever sends back what was read changes nothing.
    #expect(try telemetry(kept, kept) == kept)
    // The profile stands for its tables.
    let sampled = try telemetry(
      ["telemetry_profile_id": .string(profile), "inference_table_config": ["sampling_fraction": 1]], kept)
    #expect(sampled?["table_names"] == tables && sampled?["telemetry_profile_id"] == .string(profile))
    let renamed = try telemetry(["table_names": ["logs_table": "main.telemetry.other"]], kept)
    #expect(renamed?["telemetry_profile_id"] != .string(profile))
    var settings = EndpointSettings()
    settings.telemetry = kept
    #expect(
      settings.telemetryTables == [
        .logs: "chat_logs", .metrics: "chat metrics", .spans: "chat_traces", .payloads: "chat_logs_payload",
      ])
    #expect(try telemetry([:], kept) == nil)
  }

  @Test(arguments: [
    Refusal(block: ["telemetry_profile_id": "p"], says: "a serving plane has no telemetry profiles; use table_names"),
    Refusal(
      block: ["inference_table_config": ["sampling_fraction": 1.5]], says: "sampling_fraction must be between 0 and 1"),
    Refusal(
      block: ["enabled_telemetry_features": ["TELEMETRY_FEATURE_DREAMS"]],
      says: "\"TELEMETRY_FEATURE_DREAMS\" is unknown"),
    Refusal(block: ["table_names": ["logs_table": "a.b."]], says: "logs_table is not a valid table name"),
    Refusal(block: ["table_names": ["logs_table": 7]], says: "table_names.logs_table: expected a string"),
    Refusal(block: ["table_names": ["dreams_table": "x"]], says: "table_names.dreams_table is not supported"),
  ])
  func `telemetry that cannot be recorded is refused by name`(_ refusal: Refusal) {
    let error = #expect(throws: APIError.self) { try telemetry(refusal.block) }
    #expect(error?.message.contains(refusal.says) == true, "\(error?.message ?? "")")
  }
}
