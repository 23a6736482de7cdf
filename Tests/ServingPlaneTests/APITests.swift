import CanonicalJSON
import FoundationEssentials
import Glibc
import LibCurl
import Logging
import Testing

@testable import ServingPlane

@Suite(.serialized)
struct APITests {
  @Test func `only clients with the token are admitted, and the others are not told where it is`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      func status(_ path: String, _ authorization: String?) async throws -> PlaneClient.ClientResponse {
        try await plane.call("GET", path, headers: authorization.map { [HTTPField("Authorization", $0)] } ?? [])
      }
      let list = "/api/2.0/serving-endpoints"
      for header in [nil, "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc=", "Digest x", "Bearer "] {
        let refused = try await status(list, header)
        #expect(refused.status == 401)
        #expect(refused.code == "UNAUTHENTICATED")
        #expect(!refused.text.contains(data.path) && !refused.text.contains(plane.token))
      }
      let basic = Data("token:\(plane.token)".utf8).base64EncodedString()
      for header in ["Bearer \(plane.token)", "Basic \(basic)", "bearer \(plane.token)"] {
        let accepted = try await status(list, header)
        #expect(accepted.status == 200)
      }
      let query = try await plane.call("POST", "/serving-endpoints/x/invocations", [:], headers: [])
      #expect(query.status == 401)
      // The calls that need no token.
      let health = try await status("/health", nil)
      #expect(health.status == 200)
      let discovery = try await status("/.well-known/databricks-config", nil)
      #expect(discovery.status == 200)
      #expect(discovery.json["served_by"] == "setpoint")
      #expect(discovery.json["workspace_id"]?.stringValue.flatMap { Int64($0) } ?? 0 > 0)
      let me = try await status("/api/2.0/preview/scim/v2/Me", "Bearer \(plane.token)")
      #expect(me.json["userName"] == "tester")
      var status = stat()
      #expect(stat(data.settings.tokenPath, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
    }
  }

  @Test
  func `without a token, everything is 401 before it is 404, and a wrong method is 405 with Allow`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let calls: [(method: String, path: String, allow: String?)] = [
        ("GET", "/nothing", nil), ("GET", "/v1/nothing", nil), ("GET", "/api/2.0/serving-endpoints/x/y/z", nil),
        ("PATCH", "/api/2.0/serving-endpoints", "GET, POST"), ("DELETE", "/v1/models", "GET"),
        ("GET", "/v1/chat/completions", "POST"), ("GET", "/serving-endpoints/x/invocations", "POST"),
        ("GET", "/serving-endpoints/x/generate", "POST"),
        ("POST", "/health", "GET"), ("PUT", "/api/2.0/serving-endpoints/x", "DELETE, GET"),
      ]
      for call in calls {
        let anonymous = try await plane.call(call.method, call.path, headers: [])
        #expect(anonymous.status == 401 && anonymous.code == "UNAUTHENTICATED", "\(call)")
        let known = try await plane.call(call.method, call.path)
        #expect(known.status == (call.allow == nil ? 404 : 405), "\(call)")
        #expect(known.headers["Allow"] == call.allow, "\(call)")
      }
    }
  }

  struct BadCall: CustomTestStringConvertible, Sendable {
    let body: JSONValue
    var status = 400
    var code = "INVALID_PARAMETER_VALUE"
    let says: String
    var testDescription: String { says }
  }

  private static func body(_ entities: [JSONValue], _ more: [String: JSONValue] = [:]) -> JSONValue {
    .object(["name": "x", "config": .object(["served_entities": .array(entities)].merging(more) { $1 })])
  }

  private static func with(_ members: [String: JSONValue]) -> JSONValue {
    .object((entity("hello", 1).objectValue ?? [:]).merging(members) { $1 })
  }

  private static func concurrency(_ least: Int64, _ most: Int64) -> [String: JSONValue] {
    ["workload_size": "", "min_provisioned_concurrency": .int(least), "max_provisioned_concurrency": .int(most)]
  }

  private static func routes(_ routes: [(String, Int)]) -> [String: JSONValue] {
    let list = routes.map { name, share -> JSONValue in
      ["served_model_name": .string(name), "traffic_percentage": .int(Int64(share))]
    }
    return ["traffic_config": ["routes": .array(list)]]
  }

  static let badCalls: [BadCall] = [
    BadCall(body: ["config": [:]], says: "name is missing"),
    BadCall(body: ["name": "a b"], says: "letters, digits"),
    BadCall(body: ["name": "databricks-x"], says: "reserved"),
    BadCall(body: ["name": 7], says: "name: expected a string"),
    BadCall(body: body([]), says: "at least one"),
    BadCall(body: body([entity("hello", 1)], ["served_models": [entity("hello", 1)]]), says: "not both"),
    BadCall(body: body((1...16).map { entity("hello", $0) }), says: "more than 15 elements"),
    BadCall(
      body: body([entity("hello", 1), entity("hello", 1, name: "b")], routes([("hello-1", 50), ("b", 50)])),
      says: "2+ served entities"),
    BadCall(
      body: body([entity("hello", 1, name: "a"), entity("hello", 2, name: "a")], routes([("a", 100)])),
      says: "are named \"a\""),
    BadCall(body: body([entity("hello", 1), entity("hello", 2)]), says: "traffic_config is required"),
    BadCall(body: body([entity("hello", 1)], routes([("hello-1", 90)])), says: "must add up to 100, not 90"),
    BadCall(body: body([entity("hello", 1)], routes([("other", 100)])), says: "\"other\" is not one of"),
    BadCall(body: body([entity("hello", 1)], routes([("hello-1", 50), ("hello-1", 50)])), says: "two routes"),
    BadCall(body: body([entity("hello", 1)], routes([("hello-1", 101)])), says: "from 0 to 100"),
    BadCall(
      body: body([entity("hello", 9)]), status: 404, code: "RESOURCE_DOES_NOT_EXIST",
      says: "has no version 9: it has 1, 2"),
    BadCall(
      body: body([entity("nope", 1)]), status: 404, code: "RESOURCE_DOES_NOT_EXIST", says: "models register nope"),
    BadCall(body: body([entity("../../etc", 1)]), says: "letters, digits"),
    BadCall(body: body([with(["entity_version": "7.0"])]), says: "must be a version number"),
    BadCall(body: body([with(["workload_type": "A10"])]), says: "workload_type \"A10\" is unknown"),
    BadCall(body: body([with(["workload_size": "Huge"])]), says: "workload_size \"Huge\" is unknown"),
    BadCall(body: body([with(["min_provisioned_concurrency": 4])]), says: "not both"),
    BadCall(body: body([with(["workload_size": "", "min_provisioned_concurrency": 5])]), says: "multiples of 4"),
    BadCall(
      body: body([with(["scale_to_zero_enabled": "yes"])]),
      says: "config.served_entities[0].scale_to_zero_enabled: expected true or false"),
    BadCall(body: body([with(["external_model": ["name": "x"]])]), says: "external_model is not supported"),
    BadCall(body: body([with(["name": "a.b"])]), says: "served entity name \"a.b\""),
    BadCall(body: body([entity("hello", 1, environment: ["1A": "x"])]), says: "\"1A\" is not a valid variable name"),
    BadCall(
      body: body([entity("hello", 1, environment: ["TMPDIR": "x"])]),
      says: "TMPDIR is not allowed: the serving plane sets it"),
    BadCall(
      body: body([entity("hello", 1, environment: ["PYTHONWARNINGS": "all:0:antigravity.x:0:0", "BROWSER": "touch x"])]
      ),
      says: "BROWSER is not allowed"),
    BadCall(body: body([entity("hello", 1, environment: ["LD_PRELOAD": "/x.so"])]), says: "LD_PRELOAD is not allowed"),
    BadCall(
      body: body([entity("hello", 1, environment: ["CUDA_VISIBLE_DEVICES": "0"])]),
      says: "CUDA_VISIBLE_DEVICES is not allowed: the serving plane assigns the devices"),
    BadCall(
      body: body([entity("hello", 1, environment: ["SETPOINT_ENGINE_ARGS": #"["--middleware", "os.system"]"#])]),
      says: "--middleware is not allowed"),
    BadCall(
      body: body([with(["workload_size": "", "min_provisioned_concurrency": 1024])]),
      says: "requests 256 replicas; this serving plane runs at most 16"),
    BadCall(
      body: body([with(concurrency(4, 1024))]),
      says: "requests up to 256 replicas; this serving plane runs at most 16"),
    BadCall(body: body([with(concurrency(8, 4))]), says: "with min not above max"),
    BadCall(body: body([with(concurrency(4, 10))]), says: "multiples of 4"),
    BadCall(body: body([with(concurrency(-4, 8))]), says: "multiples of 4 from 4 to 1024"),
    BadCall(body: body([with(concurrency(0, 8))]), says: "which requires scale_to_zero_enabled"),
    BadCall(
      body: body([entity("hello", 1, environment: ["A": "{{secrets/s/k}}"])]),
      says: "environment_vars: no secret s/k on this plane; write its value to "),
    BadCall(
      body: body([entity("hello", 1, environment: ["A": PlaneMail.secretReference])]),
      says: "environment_vars: {{secrets/smtp/password}} is the password with which the plane sends mail"),
    BadCall(
      body: body([entity("hello", 1, environment: ["A": "{{secrets/../k}}"])]), says: "valid secret reference"),
    BadCall(body: body([entity("hello", 1, environment: ["SETPOINT_ENGINE_ARGS": "{"])]), says: "SETPOINT_ENGINE_ARGS"),
    BadCall(
      body: body([entity("hello", 1, environment: ["SETPOINT_PLANE": #"{"concurrency":0}"#])]),
      says: "environment_vars: SETPOINT_PLANE is not valid: concurrency: expected an integer from 1 to 100000"),
    BadCall(
      body: body([entity("hello", 1, environment: ["SETPOINT_PLANE": "{"])]), says: "SETPOINT_PLANE is not valid JSON"),
    BadCall(
      body: body([entity("hello", 1, environment: ["SETPOINT_PLANE": #"{"idleAfter":"15m"}"#])]),
      says: "idleAfter has no effect without scale_to_zero_enabled"),
    BadCall(
      body: body(
        [
          entity("hello", 1, environment: ["SETPOINT_PLANE": #"{"concurrency":1}"#]),
          entity("hello", 2, environment: ["SETPOINT_PLANE": #"{"concurrency":2}"#]),
        ], routes([("hello-1", 50), ("hello-2", 50)])),
      says: "\"hello-1\" and \"hello-2\" have different values of SETPOINT_PLANE"),
    BadCall(
      body: body([entity("hello", 1)], ["auto_capture_config": ["enabled": true]]),
      says: "auto_capture_config is not supported"),
    BadCall(
      body: ["name": "x", "ai_gateway": ["fallback_config": ["enabled": true]]],
      says: "ai_gateway.fallback_config is not supported"),
    BadCall(
      body: ["name": "x", "email_notifications": ["on_update_success": ["nobody"]]],
      says: "email_notifications.on_update_success[0] is neither an email address nor"),
    BadCall(body: ["name": "x", "budget_policy_id": "b"], says: "budget_policy_id is not supported"),
    BadCall(body: ["name": "x", "route_optimized": true], says: "route_optimized is not supported"),
    BadCall(body: ["name": "x", "tags": [["value": "v"]]], says: "a tag has no key"),
    BadCall(body: [1], code: "MALFORMED_REQUEST", says: "must be a JSON object"),
    BadCall(
      body: ["name": "x", "tags": [["key": "e\u{301}", "value": "1"], ["key": "\u{E9}", "value": "2"]]],
      says: "two tags have keys that differ only in their Unicode form"),
    BadCall(
      body: [
        "name": "x",
        "config": [
          "served_entities": [
            [
              "environment_vars": .object(
                ["HF_TOKEN": "a"], alike: [JSONMember(key: "HF_TO\u{212A}EN", value: "b")])
            ]
          ]
        ],
      ], code: "MALFORMED_REQUEST", says: "two keys that differ only in their Unicode form"),
  ]

  @Test func `an invalid request is refused in the protocol's form, and creates nothing`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      for _ in 0..<2 { _ = try await plane.register("hello", try data.model()) }
      for bad in Self.badCalls {
        let refused = try await plane.call("POST", "/api/2.0/serving-endpoints", bad.body)
        #expect(refused.status == bad.status, "\(bad.says)")
        #expect(refused.code == bad.code, "\(bad.says)")
        #expect(refused.message.contains(bad.says), "\(refused.text)")
      }
      let list = try await plane.call("GET", "/api/2.0/serving-endpoints")
      #expect(list.json == ["endpoints": []])
      #expect(try data.replicaProcesses().isEmpty)
    }
  }

  @Test func `a tag is not added beside one whose key differs only in its Unicode form`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      _ = try await plane.call("POST", "/api/2.0/serving-endpoints", ["name": "chat"])
      let path = "/api/2.0/serving-endpoints/chat/tags"
      let first = try await plane.call("PATCH", path, ["add_tags": [["key": "\u{E9}", "value": "1"]]])
      #expect(first.status == 200)
      let second = try await plane.call("PATCH", path, ["add_tags": [["key": "e\u{301}", "value": "2"]]])
      #expect(second.status == 400 && second.message.contains("differ only in their Unicode form"), "\(second.text)")
      let replaced = try await plane.call(
        "PATCH", path, ["add_tags": [["key": "e\u{301}", "value": "2"]], "delete_tags": ["\u{E9}"]])
      #expect(replaced.status == 200)
    }
  }

  @Test func `the log says who changed an endpoint`() async throws {
    let (data, output) = (TestData(), RecordingLogHandler.Output())
    let log = Logger(label: "plane") { _ in RecordingLogHandler(output: output) }
    try await withPlane(data, log: log) { plane in
      _ = try await plane.call("POST", "/api/2.0/serving-endpoints", ["name": "chat"])
      _ = try await plane.call("DELETE", "/api/2.0/serving-endpoints/chat")
    }
    #expect(output.facts(of: "endpoint created") == ["endpoint": "chat", "principal": "admin"])
    #expect(output.facts(of: "endpoint deleted") == ["endpoint": "chat", "principal": "admin"])
  }

  @Test func `a call that starts programs needs the token, wherever it comes from`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let source = try data.model()
      let calls: [(String, String, JSONValue)] = [
        (
          "POST", "/api/2.1/unity-catalog/models/hello/versions",
          ["source": .string(source), "entrypoint": .string(TestData.entrypoint)]
        ), ("PUT", "/api/2.1/unity-catalog/models/hello/aliases/a", ["version_num": 1]),
        ("POST", "/api/2.0/serving-endpoints", ["name": "chat"]),
        ("PUT", "/api/2.0/serving-endpoints/chat/config", ["served_entities": [entity("hello", 1)]]),
      ]
      // This test runs on the plane's machine, like a proxy that forwards requests from outside.
      for (method, path, body) in calls {
        for headers in [
          [], [HTTPField("X-Forwarded-For", "127.0.0.1")], [HTTPField("X-Forwarded-For", "203.0.113.9")],
          [HTTPField("Authorization", "Bearer wrong"), HTTPField("Forwarded", "for=127.0.0.1")],
        ] {
          let refused = try await plane.call(method, path, body, headers: headers)
          #expect(refused.status == 401, "\(method) \(path)")
        }
      }
      // The token is enough, from anywhere.
      let accepted = try await plane.call(
        "POST", calls[0].1, calls[0].2,
        headers: [HTTPField("Authorization", "Bearer " + plane.token), HTTPField("X-Forwarded-For", "203.0.113.9")])
      #expect(accepted.status == 200)
      let shell = try await plane.call(
        "POST", calls[0].1, ["source": .string(source), "entrypoint": "bash -c 'vllm serve m --port 8080'"])
      #expect(shell.status == 400)
      #expect(shell.message.contains("use the server's command directly: \"vllm serve m --port 8080\""))
    }
  }

  @Test func `calls that the plane does not support are named in the refusal`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let base = "/api/2.0/serving-endpoints"
      for (method, path) in [
        ("PATCH", "\(base)/x/system-metrics-export-state"), ("POST", "\(base)/x/config:stop"), ("POST", "\(base)/pt"),
      ] {
        let refused = try await plane.call(method, path, [:])
        #expect(refused.status == 501, "\(method) \(path)")
        #expect(refused.code == "NOT_IMPLEMENTED")
        #expect(refused.message.hasSuffix(" is not supported by this serving plane"), "\(refused.text)")
      }
      let unknown = try await plane.call("GET", "/api/2.0/nothing")
      #expect(unknown.status == 404)
      #expect(unknown.code == "ENDPOINT_NOT_FOUND")
      let missing = try await plane.call("DELETE", "\(base)/x")
      #expect(missing.status == 404)
      #expect(missing.code == "RESOURCE_DOES_NOT_EXIST")
      let huge = try await plane.call("POST", base, ["name": .string(String(repeating: "x", count: 2 << 20))])
      #expect(huge.status == 413)
      #expect(huge.code == "BAD_REQUEST")
    }
  }

  @Test(arguments: [("support.hello", "support-hello"), ("a.b.c.d", "a-b-c-d")])
  func `a model name that no manifest could use is not registered`(name: String, better: String) async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let base = "/api/2.1/unity-catalog/models"
      let refused = try await plane.call("POST", "\(base)/\(name)/versions", ["source": .string(try data.model())])
      #expect(refused.status == 400 && refused.code == "INVALID_PARAMETER_VALUE", "\(refused.text)")
      #expect(refused.message.contains("use catalog.schema.name, or a bare name"), "\(refused.text)")
      #expect(refused.message.hasSuffix("such as \"\(better)\""), "\(refused.text)")
      let list = try await plane.call("GET", base)
      #expect(list.json == ["registered_models": []])
    }
  }

  @Test func `models are registered, listed, and found by version and alias`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let base = "/api/2.1/unity-catalog/models"
      let none = try await plane.call("GET", base)
      #expect(none.json == ["registered_models": []])
      for _ in 0..<2 { _ = try await plane.register("main.demo.hello", try data.model()) }
      let alias = try await plane.call("PUT", "\(base)/main.demo.hello/aliases/champion", ["version_num": 2])
      #expect(alias.status == 200)
      let found = try await plane.call("GET", "\(base)/main.demo.hello/aliases/champion")
      #expect(found.json["version"] == 2)
      #expect(found.json["status"] == "READY")
      let plain = try await plane.call("GET", "\(base)/main.demo.hello")
      #expect(plain.json["full_name"] == "main.demo.hello")
      #expect(plain.json["aliases"] == nil)
      let whole = try await plane.call("GET", "\(base)/main.demo.hello?include_aliases=true")
      #expect(whole.json["aliases"] == [["alias_name": "champion", "version_num": 2]])
      let versions = try await plane.call("GET", "\(base)/main.demo.hello/versions")
      #expect(versions.json["model_versions"]?.arrayValue?.map { $0["version"] } == [1, 2])
      let one = try await plane.call("GET", "\(base)/main.demo.hello/versions/1")
      #expect(one.json["entrypoint"] == .string(TestData.entrypoint))
      let removed = try await plane.call("DELETE", "\(base)/main.demo.hello/aliases/champion")
      #expect(removed.status == 200)
      for path in ["main.demo.hello/aliases/champion", "main.demo.hello/versions/3", "nope", "nope/versions"] {
        let missing = try await plane.call("GET", "\(base)/\(path)")
        #expect(missing.status == 404, "\(path)")
        #expect(missing.code == "RESOURCE_DOES_NOT_EXIST")
      }
      for (path, body) in [
        ("main.demo.hello/aliases/latest", ["version_num": 1] as JSONValue),
        ("main.demo.hello/aliases/7", ["version_num": 1]),
        ("main.demo.hello/aliases/a", [:]),
      ] {
        let refused = try await plane.call("PUT", "\(base)/\(path)", body)
        #expect(refused.status == 400, "\(path)")
      }
    }
  }

  @Test func `a second plane on the same data directory or port names the plane that uses it`() async throws {
    let data = TestData()
    try await withPlane(data) { plane in
      let port = try #require(Int(plane.url.split(separator: ":").last ?? ""))
      let sameData = await Self.startError(data.settings)
      #expect(sameData?.message.contains("pid \(getpid())") == true)
      let other = TestData()
      var settings = other.settings
      settings.port = port
      let samePort = await Self.startError(settings)
      #expect(samePort?.message.contains("port \(port)") == true)
      #expect(samePort?.advice.contains("--port") == true)
    }
  }

  private static func startError(_ settings: PlaneConfiguration) async -> PlaneStartError? {
    do {
      try await PlaneService(settings, log: Logger(label: "second") { _ in SwiftLogNoOpLogHandler() }).run()
      return nil
    } catch {
      return error as? PlaneStartError
    }
  }
}
