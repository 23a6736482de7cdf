import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct TokensTests {
  private typealias Response = ScriptedTransport.ScriptedResponse

  private static let plane = Response.json(["served_by": "setpoint"])
  private static let secret = "spt_0123456789abcdef0123456789abcdef01234567"
  /// The commands' present.
  private static let now = TestTiming().timing.secondsSince1970() * 1000

  /// A time by its distance from the present, in milliseconds.
  private static func at(_ offset: Int64) -> JSONValue { .int(now + offset) }

  private static func token(_ more: [String: JSONValue] = [:]) -> Response {
    let members: [String: JSONValue] = [
      "id": "t-1", "name": "ci", "can": "query", "groups": [], "created_at": at(0), "created_by": "admin",
      "secret": .string(secret),
    ]
    return .json(.object(members.merging(more) { $1 }))
  }

  private func body(_ request: HTTPRequest?) -> JSONValue? { request?.body.flatMap { try? JSONValue(parsing: $0) } }

  // MARK: Create

  @Test func `only the secret is on standard output, so that a shell can assign it`() async {
    let network = ScriptedTransport([Self.plane, Self.token()])
    let run = await CommandRun(["tokens", "create", "ci"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "\(Self.secret)\n")
    #expect(!run.notes.contains(Self.secret))
    #expect(run.notes.contains("token \"ci\": query on all endpoints; does not expire\n"), "\(run)")
    #expect(run.notes.contains("its secret is shown once; store it now\n"))
    #expect(run.notes.contains("as DATABRICKS_TOKEN, with DATABRICKS_HOST=https://workspace.example.com\n"))
    #expect(network.requests.last?.method == "POST")
    #expect(network.requests.last?.url == "https://workspace.example.com/api/setpoint/tokens")
    #expect(body(network.requests.last) == ["name": "ci", "can": "query"], "nothing else is requested")
  }

  @Test func `what a token may do, its endpoints, groups and lifetime are sent`() async {
    let network = ScriptedTransport([
      Self.plane,
      Self.token([
        "can": "manage", "endpoints": ["chat", "rag"], "groups": ["support"],
        "expires_at": Self.at(7_776_000_000),
      ]),
    ])
    let run = await CommandRun(
      [
        "tokens", "create", "ann@example.com", "--can", "manage", "--endpoint", "chat", "--endpoint", "rag",
        "--endpoint", "chat", "--group", "support", "--expires", "90d", "-o", "json",
      ], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(
      body(network.requests.last) == [
        "name": "ann@example.com", "can": "manage", "endpoints": ["chat", "rag"], "groups": ["support"],
        "expires_in_seconds": 7_776_000,
      ])
    #expect(
      (try? JSONValue(parsing: run.output)) == [
        "kind": "Token", "name": "ci", "id": "t-1", "secret": .string(Self.secret), "expires": "2026-04-01T00:00:00Z",
      ], "\(run)")
  }

  @Test func `a token that does not expire has no expiry in JSON`() async {
    let run = await CommandRun(
      ["tokens", "create", "ci", "-o", "json"], transport: ScriptedTransport([Self.plane, Self.token()]).transport)
    #expect((try? JSONValue(parsing: run.output))?["expires"]?.isNull == true, "\(run)")
  }

  @Test(arguments: [
    (["--can", "admin", "--endpoint", "chat"], "--can admin applies to all endpoints"),
    (["--expires", "0s"], "--expires must be more than 0s"),
    (["--expires", "soon"], "write a time like 90s, 30m, 1h30m or 2d"),
    (["--can", "mange"], "use \"view\", \"query\", \"manage\" or \"admin\""),
  ])
  func `wrong options are usage errors, and nothing is sent`(options: [String], words: String) async {
    let network = ScriptedTransport([Self.plane, Self.token()])
    let run = await CommandRun(["tokens", "create", "ci"] + options, transport: network.transport)
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains(words), "\(run)")
    #expect(network.requests.isEmpty && run.output.isEmpty)
  }

  @Test func `a name that exists is reported with how to replace its secret`() async {
    let network = ScriptedTransport([Self.plane, .error(409, "RESOURCE_ALREADY_EXISTS", "token 'ci' exists")])
    let run = await CommandRun(["tokens", "create", "ci"], transport: network.transport)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: token \"ci\" already exists\n"), "\(run)")
    #expect(run.notes.contains("next:  choose another name; \"setpoint tokens rotate ci\""), "\(run)")
  }

  @Test func `a lost response is not a success, and not repeated`() async {
    let network = ScriptedTransport([Self.plane, .lost()])
    let run = await CommandRun(["tokens", "create", "ci"], transport: network.transport)
    #expect(run.code == 1 && run.output.isEmpty)
    #expect(run.notes.contains("\"setpoint tokens rotate NAME\" replaces a secret that you do not have"), "\(run)")
    #expect(network.requests.count == 2, "the token may exist already")
  }

  @Test func `a response without a secret is an error`() async {
    let network = ScriptedTransport([Self.plane, .json(["name": "ci"])])
    let run = await CommandRun(["tokens", "create", "ci"], transport: network.transport)
    #expect(run.code == 1 && run.output.isEmpty, "\(run)")
    #expect(run.notes.contains("the response has no secret"), "\(run)")
  }

  // MARK: Other providers

  @Test(arguments: [["create", "ci"], ["list"], ["revoke", "ci"], ["rotate", "ci"]])
  func `a workspace has tokens of its own`(arguments: [String]) async {
    let workspace = WorkspaceDouble()
    let run = await CommandRun(["tokens"] + arguments, workspace: workspace)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("why:   this command manages the access tokens of a plane\n"), "\(run)")
    #expect(run.notes.contains("a workspace has tokens and service principals of its own"))
    #expect(workspace.writes.isEmpty)
  }

  @Test func `a plane of an earlier version has a single token`() async {
    let network = ScriptedTransport([Self.plane, .error(404, "ENDPOINT_NOT_FOUND", "No API found.")])
    let run = await CommandRun(["tokens", "list"], transport: network.transport)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: the plane at https://workspace.example.com has a single token\n"), "\(run)")
  }

  @Test func `a caller who is not an administrator is told by the plane`() async {
    let words = "principal \"ci\" may not manage tokens; an administrator can"
    let network = ScriptedTransport([Self.plane, .error(403, "PERMISSION_DENIED", words)])
    let run = await CommandRun(["tokens", "list"], transport: network.transport)
    #expect(run.code == 1)
    #expect(run.notes.contains("why:   \(words)\n"), "\(run)")
  }

  // MARK: List

  private static let listed = Response.json([
    "tokens": [
      [
        "id": "t-2", "name": "ops", "can": "manage", "endpoints": ["rag", "chat"], "groups": ["b", "a"],
        "created_at": at(-259_200_000), "created_by": "admin", "last_used_at": at(-120_000),
        "expires_at": at(3_600_000), "replaced_at": at(-60_000), "secret": "spt_must-not-be-shown",
      ],
      [
        "id": "t-1", "name": "ci", "can": "query", "groups": [], "created_at": at(-7_776_000_000),
        "created_by": "admin", "expires_at": at(-1),
      ],
      ["id": "t-3", "name": "zoe@example.com", "groups": [], "created_at": at(0)],
    ]
  ])

  @Test func `tokens are listed without their secrets`() async {
    let run = await CommandRun(
      ["tokens", "list"], transport: ScriptedTransport([Self.plane, Self.listed]).transport)
    #expect(run.code == 0, "\(run)")
    let rows = run.lines.map { line in
      line.split(separator: "  ").map { part in String(part.drop { $0 == " " }) }.joined(separator: "|")
    }
    #expect(
      rows == [
        "NAME|CAN|ENDPOINTS|GROUPS|CREATED|LAST USED|EXPIRES", "ci|query|all|-|90d ago|never|expired",
        "ops|manage|chat,rag|a,b|3d ago|2m ago|in 1h (replaced)", "zoe@example.com|-|all|-|0s ago|never|never",
      ], "\(run)")
    let json = await CommandRun(
      ["tokens", "list", "-o", "json"], transport: ScriptedTransport([Self.plane, Self.listed]).transport)
    let items = (try? JSONValue(parsing: json.output))?["items"]?.arrayValue ?? []
    #expect(items.compactMap { $0["name"]?.stringValue } == ["ci", "ops", "zoe@example.com"])
    #expect(items.first?["endpoints"]?.isNull == true && items.first?["lastUsed"]?.isNull == true)
    #expect(items.dropFirst().first?["replaced"] == "2025-12-31T23:59:00Z", "\(json)")
    #expect(!json.output.contains("spt_") && !run.output.contains("spt_"))
  }

  @Test func `no tokens is no error`() async {
    let run = await CommandRun(
      ["tokens", "list"], transport: ScriptedTransport([Self.plane, .json(["tokens": []])]).transport)
    #expect(run.code == 0 && run.output.isEmpty)
    #expect(run.notes.contains("no tokens; \"setpoint tokens create NAME\" creates one\n"), "\(run)")
  }

  // MARK: Revoke and rotate

  @Test func `a token is revoked by its name, encoded in the path`() async {
    let network = ScriptedTransport([Self.plane, .json([:])])
    let run = await CommandRun(["tokens", "revoke", "a+b@example.com"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "a+b@example.com: revoked\n")
    #expect(network.requests.last?.method == "DELETE")
    #expect(
      network.requests.last?.url == "https://workspace.example.com/api/setpoint/tokens/a%2Bb%40example.com")
    let json = await CommandRun(
      ["tokens", "revoke", "ci", "-o", "json"], transport: ScriptedTransport([Self.plane, .json([:])]).transport)
    #expect((try? JSONValue(parsing: json.output)) == ["kind": "RevokedToken", "name": "ci", "revoked": true])
  }

  @Test(arguments: ["revoke", "rotate"])
  func `an unknown name is reported with the closest one`(verb: String) async {
    let network = ScriptedTransport([
      Self.plane, .error(404, "RESOURCE_DOES_NOT_EXIST", "token 'opps' does not exist"), Self.listed,
    ])
    let run = await CommandRun(["tokens", verb, "opps"], transport: network.transport)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: token \"opps\" not found at https://workspace.example.com\n"), "\(run)")
    #expect(run.notes.contains("next:  did you mean \"ops\"? \"setpoint tokens list\" lists the tokens\n"), "\(run)")
  }

  @Test func `rotate prints the new secret, and the previous one lives on for the overlap`() async {
    let network = ScriptedTransport([Self.plane, Self.token()])
    let run = await CommandRun(["tokens", "rotate", "ci", "--overlap", "1h"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "\(Self.secret)\n")
    #expect(run.notes.contains("the previous secret works for another 1h\n"), "\(run)")
    #expect(network.requests.last?.url == "https://workspace.example.com/api/setpoint/tokens/ci/rotate")
    #expect(body(network.requests.last) == ["overlap_seconds": 3600])
    let atOnce = ScriptedTransport([Self.plane, Self.token()])
    let now = await CommandRun(["tokens", "rotate", "ci"], transport: atOnce.transport)
    #expect(now.notes.contains("the previous secret no longer works\n"), "\(now)")
    #expect(body(atOnce.requests.last) == ["overlap_seconds": 0])
  }

  // MARK: Completion

  @Test func `names of tokens and of endpoints are completed`() async throws {
    let tokens = await CommandRun(
      ["---completion", "tokens", "revoke", "--", "name", "3", "0", "setpoint", "tokens", "revoke", ""],
      transport: ScriptedTransport([Self.listed]).transport)
    #expect(tokens.output.split(separator: "\n") == ["ci", "ops", "zoe@example.com"], "\(tokens)")
    let workspace = WorkspaceDouble()
    try await workspace.serve("chat")
    let endpoints = await CommandRun(
      [
        "---completion", "tokens", "create", "--", "--endpoint", "5", "0", "setpoint", "tokens", "create", "ci",
        "--endpoint", "",
      ], workspace: workspace)
    #expect(endpoints.output.split(separator: "\n") == ["chat"], "\(endpoints)")
  }
}
