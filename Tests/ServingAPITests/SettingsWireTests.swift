import CanonicalJSON
import Endpoints
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct `Settings besides the config, on the wire` {
  // MARK: - Encoding

  private static let gateways: [(settings: GatewaySettings, body: String, why: String)] = [
    (GatewaySettings(), "{}", "nothing removes the block (E7)"),
    (GatewaySettings(usageTracking: false), #"{"usage_tracking_config":{"enabled":false}}"#, "an off is sent (Q2)"),
    (
      GatewaySettings(inferenceTable: InferenceTable(catalog: "c", schema: "s", enabled: false)),
      #"{"inference_table_config":{"catalog_name":"c","enabled":false,"schema_name":"s"}}"#,
      "a table is switched off by an explicit false (Q2)"
    ),
    (
      GatewaySettings(
        rateLimits: [
          RateLimit(key: "user_group", principal: "g", tokens: 1000), RateLimit(key: "endpoint", calls: 60),
        ], usageTracking: true,
        inferenceTable: InferenceTable(catalog: "c", schema: "s", tableNamePrefix: "p")),
      #"""
      {"inference_table_config":{"catalog_name":"c","enabled":true,"schema_name":"s","table_name_prefix":"p"},
       "rate_limits":[{"calls":60,"key":"endpoint","renewal_period":"minute"},
         {"key":"user_group","principal":"g","renewal_period":"minute","tokens":1000}],
       "usage_tracking_config":{"enabled":true}}
      """#, "limits are in one order, whatever the manifest's"
    ),
    (GatewaySettings(rateLimits: []), "{}", "no limits"),
    (
      GatewaySettings(usageTracking: true, other: ["guardrails": ["input": ["safety": true]]]),
      #"{"guardrails":{"input":{"safety":true}},"usage_tracking_config":{"enabled":true}}"#,
      "what no manifest can say is kept"
    ),
    (
      GatewaySettings(usageTracking: true, other: ["usage_tracking_config": [:]]),
      #"{"usage_tracking_config":{"enabled":true}}"#, "the settings rule over what was there"
    ),
  ]

  @Test(arguments: gateways)
  func `the gateway block is sent as the API reads it`(settings: GatewaySettings, body: String, why: String) throws {
    #expect(WireGateway(settings).json == (try JSONValue(parsing: body)), "\(why)")
  }

  @Test func `a create contains only what the manifest contains, an explicit false included`() async throws {
    let network = ScriptedTransport([.json(["name": "e", "id": "1"])])
    let config = EndpointConfig(entities: [
      ServedEntity(entityName: "m", entityVersion: "1", concurrency: ProvisionedConcurrency(min: 4, max: 8))
    ])
    _ = try await APIProvider(network.client()).create(
      "e", config: config, tags: [:],
      creation: CreationSettings(description: "For support.", budgetPolicy: "b-1", routeOptimized: false),
      gateway: GatewaySettings(usageTracking: false),
      notifications: NotificationSettings(onUpdateFailure: ["oncall@example.com"]))
    let body = try JSONValue(parsing: network.requests.first?.body ?? [])
    #expect(
      body
        == (try JSONValue(
          parsing: #"""
            {"name":"e","description":"For support.","budget_policy_id":"b-1","route_optimized":false,
             "ai_gateway":{"usage_tracking_config":{"enabled":false}},
             "email_notifications":{"on_update_success":[],"on_update_failure":["oncall@example.com"]},
             "config":{"served_entities":[{"name":"m-1","entity_name":"m","entity_version":"1","workload_type":"CPU",
               "min_provisioned_concurrency":4,"max_provisioned_concurrency":8,"scale_to_zero_enabled":false}],
              "traffic_config":{"routes":[{"served_entity_name":"m-1","traffic_percentage":100}]}}}
            """#)))
    let plain = ScriptedTransport([.json(["name": "e", "id": "1"])])
    _ = try await APIProvider(plain.client()).create("e", config: config, tags: [:])
    #expect(
      Set(try JSONValue(parsing: plain.requests.first?.body ?? []).objectValue?.keys.map(\.self) ?? []) == [
        "name", "config",
      ])
  }

  private static let calls: [(call: @Sendable (APIProvider) async throws -> Void, line: String, body: String)] = [
    (
      { try await $0.putGateway("e", GatewaySettings()) }, "PUT /api/2.0/serving-endpoints/e/ai-gateway", "{}"
    ),
    (
      { try await $0.patchNotifications("e", NotificationSettings()) },
      "PATCH /api/2.0/serving-endpoints/e/notifications",
      #"{"email_notifications":{"on_update_success":[],"on_update_failure":[]}}"#
    ),
    (
      {
        try await $0.patchTelemetry(
          "e", TelemetrySettings(logsTable: "c.s.l", tracesTable: "c.s.t", samplingFraction: 0))
      }, "PATCH /api/2.0/serving-endpoints/e/telemetry-config",
      #"""
      {"telemetry_config":{"table_names":{"logs_table":"c.s.l","traces_table":"c.s.t"},
        "inference_table_config":{"sampling_fraction":0.0}}}
      """#
    ),
    (
      { try await $0.patchTelemetry("e", TelemetrySettings(profileID: "p-1")) },
      "PATCH /api/2.0/serving-endpoints/e/telemetry-config", #"{"telemetry_config":{"telemetry_profile_id":"p-1"}}"#
    ),
    ({ try await $0.patchTelemetry("e", nil) }, "PATCH /api/2.0/serving-endpoints/e/telemetry-config", "{}"),
    (
      {
        try await $0.patchAccess(
          id: "4f", [Grant(.user("a@example.com"), .canManage), Grant(.servicePrincipal("11-22"), .canView)])
      }, "PATCH /api/2.0/permissions/serving-endpoints/4f",
      #"""
      {"access_control_list":[{"user_name":"a@example.com","permission_level":"CAN_MANAGE"},
        {"service_principal_name":"11-22","permission_level":"CAN_VIEW"}]}
      """#
    ),
    (
      { try await $0.putAccess(id: "4f", [Grant(.group("support"), .unknown("CAN_BREW"))]) },
      "PUT /api/2.0/permissions/serving-endpoints/4f",
      #"{"access_control_list":[{"group_name":"support","permission_level":"CAN_BREW"}]}"#
    ),
  ]

  @Test(arguments: calls.indices)
  func `each setting has its own call`(index: Int) async throws {
    let (call, line, body) = Self.calls[index]
    let network = ScriptedTransport([.json([:])])
    try await call(APIProvider(network.client()))
    let request = try #require(network.requests.first)
    #expect("\(request.method) \(request.url.dropFirst("https://workspace.example.com".count))" == line)
    #expect(try JSONValue(parsing: request.body ?? []) == JSONValue(parsing: body))
    #expect(network.requests.count == 1)
  }

  @Test func `granting nothing sends nothing, and an endpoint without an id is refused`() async throws {
    let network = ScriptedTransport([.json([:])])
    let provider = APIProvider(network.client())
    try await provider.patchAccess(id: "4f", [])
    await #expect(throws: ServingError.self) { try await provider.putAccess(id: "", []) }
    await #expect(throws: ServingError.self) { try await provider.access(id: "") }
    #expect(network.requests.isEmpty)
  }

  @Test func `telemetry that is refused during an update stays a conflict and is sent once`() async throws {
    let network = ScriptedTransport([.error(409, "RESOURCE_CONFLICT", "Endpoint e is currently updating.")])
    let error = await #expect(throws: ServingError.self) {
      try await APIProvider(network.client()).patchTelemetry("e", nil)
    }
    #expect(error?.kind == .conflict)
    #expect(error?.serverMessage == "Endpoint e is currently updating.")
    #expect(network.requests.count == 1)
  }

  // MARK: - Decoding

  private static let answers: [(members: String, settings: ObservedSettings?, why: String)] = [
    ("", nil, "nothing"),
    (
      #""ai_gateway":{},"email_notifications":{},"telemetry_config":{},"description":"","route_optimized":false,"tags":[]"#,
      nil, "blanks are nothing (Q18)"
    ),
    (#""ai_gateway":null,"email_notifications":null,"telemetry_config":null,"description":null"#, nil, "nulls too"),
    (
      #""ai_gateway":{"rate_limits":[],"guardrails":{}},"email_notifications":{"on_update_success":[]}"#, nil,
      "blanks inside"
    ),
    (
      #""description":"For support.","route_optimized":true"#,
      ObservedSettings(description: "For support.", routeOptimized: true), "description and route"
    ),
    (
      #""budget_policy_id":"","effective_budget_policy_id":"b-9""#, ObservedSettings(effectiveBudgetPolicy: "b-9"),
      "the budget policy in force (Q19)"
    ),
    (
      #""ai_gateway":{"usage_tracking_config":{}}"#,
      ObservedSettings(gateway: GatewaySettings(other: ["usage_tracking_config": [:]])), "empty is not absent (Q3)"
    ),
    (
      #"""
      "ai_gateway":{"usage_tracking_config":{"enabled":false},"fallback_config":{"enabled":true},
        "rate_limits":[{"calls":5,"key":"user","principal":"","renewal_period":"minute"},
          {"calls":9,"key":"endpoint","renewal_period":"minute"}],
        "inference_table_config":{"catalog_name":"c","schema_name":"s","table_name_prefix":"p","enabled":true}}
      """#,
      ObservedSettings(
        gateway: GatewaySettings(
          rateLimits: [RateLimit(key: "endpoint", calls: 9), RateLimit(key: "user", calls: 5)], usageTracking: false,
          inferenceTable: InferenceTable(catalog: "c", schema: "s", tableNamePrefix: "p"),
          other: ["fallback_config": ["enabled": true]])), "the whole gateway"
    ),
    (
      #""email_notifications":{"on_update_failure":["b@x.org","a@x.org","b@x.org"]}"#,
      ObservedSettings(notifications: NotificationSettings(onUpdateFailure: ["a@x.org", "b@x.org"])),
      "addresses are a set"
    ),
    (
      #""telemetry_config":{"telemetry_profile_id":"p-1","inference_table_config":{"sampling_fraction":1,"name":"x"}}"#,
      ObservedSettings(telemetry: ObservedTelemetry(profileID: "p-1", samplingFraction: 1)),
      "a profile in place of the tables (Q21)"
    ),
    (
      #""telemetry_config":{"table_names":{"logs_table":"c.s.l"}}"#,
      ObservedSettings(telemetry: ObservedTelemetry(logsTable: "c.s.l")), "the partial echo of one field report"
    ),
  ]

  @Test(arguments: answers)
  func `an endpoint's settings are read, and missing ones are read as none`(
    members: String, settings: ObservedSettings?, why: String
  ) throws {
    let json = try JSONValue(parsing: #"{"name":"e"\#(members.isEmpty ? "" : ",")\#(members)}"#)
    let observed = try #require(WireEndpoint(json)).observed(as: "e")
    #expect(observed.settings == settings, "\(why)")
  }

  @Test(arguments: gateways)
  func `a gateway block is read back as it was sent`(settings: GatewaySettings, body: String, why: String) throws {
    let read = WireGateway(settings).settings ?? GatewaySettings()
    var expected = settings
    if expected.rateLimits == [] { expected.rateLimits = nil }
    if expected.usageTracking != nil { expected.other["usage_tracking_config"] = nil }
    #expect(read == expected)
  }

  @Test func `fields of an active config that no manifest can express are reported with it`() throws {
    let json = try JSONValue(
      parsing: #"""
        {"name":"e","config":{"config_version":1,"served_entities":[
          {"name":"a","entity_name":"m","entity_version":"1","instance_profile_arn":"arn:aws:iam::1:x"}]}}
        """#)
    let active = try #require(WireEndpoint(json)?.observed(as: "e").active)
    #expect(active.unrepresented == ["served_entities[a].instance_profile_arn"])
  }
}

@Suite struct `Access on the wire` {
  /// As a workspace answers (serving-api.md 1.2).
  private static let answer: JSONValue = [
    "object_id": "/serving-endpoints/4f", "object_type": "serving-endpoint",
    "access_control_list": [
      [
        "group_name": "admins",
        "all_permissions": [
          ["permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": ["/serving-endpoints/"]]
        ],
      ],
      [
        "user_name": "Me@Example.com", "display_name": "Me",
        "all_permissions": [["permission_level": "CAN_MANAGE", "inherited": false]],
      ],
      [
        "group_name": "support",
        "all_permissions": [
          ["permission_level": "CAN_VIEW", "inherited": false], ["permission_level": "CAN_QUERY", "inherited": false],
          ["permission_level": "CAN_MANAGE", "inherited": true],
        ],
      ],
      [
        "service_principal_name": "5b1e7c1e-6f0e-4d54-9d1b-0a3c6a1f2b3c",
        "all_permissions": [["permission_level": "CAN_BREW", "inherited": false]],
      ],
      ["all_permissions": [["permission_level": "CAN_VIEW"]]],
    ],
  ]

  private func access(_ me: ScriptedTransport.ScriptedResponse) async throws -> (ObservedAccess, ScriptedTransport) {
    let network = ScriptedTransport([.json(Self.answer), me])
    return (try await APIProvider(network.client()).access(id: "4f"), network)
  }

  @Test func `only grants on the endpoint itself count, and of each principal's the strongest`() async throws {
    let (access, network) = try await access(.json(["userName": "me@EXAMPLE.com"]))
    #expect(
      access.grants == [
        Grant(.user("me@example.com"), .canManage), Grant(.group("support"), .canQuery),
        Grant(.servicePrincipal("5b1e7c1e-6f0e-4d54-9d1b-0a3c6a1f2b3c"), .unknown("CAN_BREW")),
      ])
    #expect(access.caller == .user("me@example.com"))
    #expect(
      network.requests.map { $0.url.dropFirst("https://workspace.example.com".count) } == [
        "/api/2.0/permissions/serving-endpoints/4f", "/api/2.0/preview/scim/v2/Me",
      ])
  }

  @Test(arguments: [
    (
      ScriptedTransport.ScriptedResponse.json(["userName": "5b1e7c1e-6f0e-4d54-9d1b-0a3c6a1f2b3c"]),
      Principal.servicePrincipal("5b1e7c1e-6f0e-4d54-9d1b-0a3c6a1f2b3c") as Principal?
    ),
    (.json(["userName": ""]), nil), (.json([:]), nil), (.error(403, "PERMISSION_DENIED", "no"), nil),
    (.error(404, "ENDPOINT_NOT_FOUND", "no"), nil), (.answer(status: 200, body: "<html></html>"), nil),
  ])
  func `the caller's identity may be unknown`(me: ScriptedTransport.ScriptedResponse, caller: Principal?) async throws {
    #expect(try await access(me).0.caller == caller)
  }

  @Test(arguments: [
    (ScriptedTransport.ScriptedResponse.json(["userName": "me@example.com"]), 1),
    (.error(403, "PERMISSION_DENIED", "no"), 1),
    (.answer(status: 200, body: "<html></html>"), 2),
  ])
  func `the caller's identity is requested once, unless there was no response`(
    me: ScriptedTransport.ScriptedResponse, asked: Int
  ) async throws {
    let network = ScriptedTransport([.json(Self.answer), me, .json(Self.answer), me])
    let provider = APIProvider(network.client())
    _ = try await provider.access(id: "4f")
    _ = try await provider.access(id: "4f")
    #expect(network.requests.count { $0.url.hasSuffix("/Me") } == asked)
  }

  @Test func `a refused read says so, and is not mistaken for an empty list`() async throws {
    let network = ScriptedTransport([.error(501, "NOT_IMPLEMENTED", "Permissions are not supported.")])
    let error = await #expect(throws: ServingError.self) {
      try await APIProvider(network.client()).access(id: "4f")
    }
    #expect(error?.kind == .unimplemented)
  }
}
