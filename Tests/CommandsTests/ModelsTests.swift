import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct ModelsTests {
  @Test func `a version is registered under the number that it has elsewhere`() async {
    let network = ScriptedTransport([.json(["model_name": "m", "version": 7, "status": "READY"])])
    let run = await CommandRun(["models", "register", "m", "/src", "--version", "7"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "7\n")
    let sent = network.requests.last?.body.flatMap { try? JSONValue(parsing: $0) }
    #expect(sent == ["source": "/src", "version": "7", "background": true])
    let wrong = await CommandRun(["models", "register", "m", "/src", "--version", "0"])
    #expect(wrong.code == 64, "\(wrong)")
    #expect(wrong.notes.contains("--version must be a positive integer"))
  }

  @Test func `a name is shown as it was given`() async {
    let network = ScriptedTransport([.error(400, "INVALID_PARAMETER_VALUE", "'ma in.x.y' is no name")])
    let run = await CommandRun(["models", "register", "ma in.x.y\u{7}", "/src"], transport: network.transport)
    #expect(run.code == 1)
    #expect(
      run.notes.contains("where: POST /api/2.1/unity-catalog/models/ma in.x.y\\u{7}/versions (INVALID_PARAMETER"),
      "\(run)")
    #expect(network.requests.last?.url.contains("/ma%20in.x.y%07/") == true)
  }

  @Test func `models are listed with versions and aliases`() async {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready], aliases: ["champion": 2])
    let run = await CommandRun(["models", "list"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(
      run.lines.map { $0.split(separator: " ").joined(separator: " ") } == [
        "MODEL VERSION STATUS SIZE ALIASES SOURCE", "main.support.hello 1 READY - - -",
        "main.support.hello 2 READY - @champion -",
      ])
  }

  @Test func `an unknown model is reported with the closest name, and without the promise of a retry`() async {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready])
    let listed = await CommandRun(["models", "list", "main.support.helo"], workspace: workspace)
    #expect(listed.code == 1, "\(listed)")
    #expect(listed.notes.contains("error: no registered model main.support.helo\n"), "\(listed)")
    let question = "did you mean \"main.support.hello\"? \"setpoint models list"
    #expect(listed.notes.contains("next:  \(question)"), "\(listed)")
    #expect(!listed.notes.contains("retried"))
    let alias = await CommandRun(["models", "alias", "main.support.helo", "a", "1"], workspace: workspace)
    #expect(alias.notes.contains(question), "\(alias)")
    let other = await CommandRun(["models", "list", "nosuch"], workspace: workspace)
    #expect(other.notes.contains("next:  \"setpoint models list"), "\(other)")
  }

  @Test func `a directory that the provider cannot read must be on its machine`() async {
    let network = ScriptedTransport([
      .error(400, "INVALID_PARAMETER_VALUE", "the source /srv/nosuch cannot be read: No such file or directory")
    ])
    let run = await CommandRun(["models", "register", "m", "/srv/nosuch"], transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("next:  the folder must be on the plane's machine"), "\(run)")
  }

  @Test func `a directory that cannot be registered is reported without the call, and a taken version with its model`()
    async
  {
    let network = ScriptedTransport([
      .error(400, "INVALID_PARAMETER_VALUE", "/srv/empty is empty"),
      .error(409, "RESOURCE_ALREADY_EXISTS", "Model 'm' already has version 1, and versions are immutable."),
    ])
    let empty = await CommandRun(["models", "register", "m", "/srv/empty"], transport: network.transport)
    #expect(empty.code == 1)
    #expect(
      empty.notes.contains("error: the directory cannot be registered\n  why:   /srv/empty is empty\n"), "\(empty)")
    let taken = await CommandRun(
      ["models", "register", "m", "/srv/m", "--version", "1"], transport: network.transport)
    #expect(taken.code == 1)
    #expect(taken.notes.contains("error: m already has version 1\n"), "\(taken)")
    #expect(taken.notes.contains("next:  omit --version to get the next one"), "\(taken)")
  }

  // MARK: Sizes and progress

  private static let plane = ScriptedTransport.ScriptedResponse.json(["served_by": "setpoint"])

  private static func pending(_ done: Int64, of total: Int64 = 7_730_941_133) -> ScriptedTransport.ScriptedResponse {
    .json([
      "model_name": "m", "version": 3, "status": "PENDING_REGISTRATION", "bytes_done": .int(done),
      "bytes_total": .int(total),
    ])
  }

  @Test func `sizes and progress are listed`() async {
    let model: JSONValue = ["full_name": "m", "aliases": []]
    let versions: JSONValue = [
      "model_versions": [
        ["model_name": "m", "version": 1, "status": "READY", "size_bytes": 16_320_875_725, "source": "/srv/a"],
        [
          "model_name": "m", "version": 2, "status": "PENDING_REGISTRATION", "bytes_done": 43, "bytes_total": 100,
          "source": "/srv/b",
        ],
      ]
    ]
    let table = await CommandRun(
      ["models", "list", "m"], transport: ScriptedTransport([.json(model), .json(versions)]).transport)
    #expect(table.code == 0, "\(table)")
    #expect(
      table.lines.map { $0.split(separator: " ").joined(separator: " ") } == [
        "MODEL VERSION STATUS SIZE ALIASES SOURCE", "m 1 READY 15.2Gi - /srv/a", "m 2 registering 43% - - /srv/b",
      ])
    let listed = await CommandRun(
      ["models", "list", "m", "-o", "json"], transport: ScriptedTransport([.json(model), .json(versions)]).transport)
    let item = (try? JSONValue(parsing: listed.output))?["items"]?.arrayValue?.first?["versions"]?.arrayValue
    #expect(item?.first?["size_bytes"] == 16_320_875_725, "\(listed)")
    #expect(item?.last?["bytes_done"] == 43)
  }

  @Test func `register shows the progress until the version is ready`() async {
    var answers = (0...24).map { Self.pending($0 << 28) }
    answers.append(.json(["model_name": "m", "version": 3, "status": "READY"]))
    let network = ScriptedTransport(answers)
    let run = await CommandRun(["models", "register", "m", "/src"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "3\n")
    #expect(run.notes.contains("registering m version 3: 0 of 7.2Gi (0%)\n"), "\(run)")
    #expect(run.notes.contains("registering m version 3: 2.5Gi of 7.2Gi (34%), 256Mi/s\n"), "\(run)")
    #expect(run.notes.contains("registered m version 3 from /src"), "\(run)")
    #expect(run.notes.split(separator: "\n").count { $0.hasPrefix("registering") } == 3, "\(run)")
  }

  @Test func `a registration that fails in the plane fails the command, and so does one that is gone`() async {
    let failed = ScriptedTransport([
      Self.pending(5),
      .json(["model_name": "m", "version": 3, "status": "FAILED_REGISTRATION", "comment": "the disk is full"]),
    ])
    let run = await CommandRun(["models", "register", "m", "/src"], transport: failed.transport)
    #expect(run.code == 1, "\(run)")
    #expect(
      run.notes.contains("error: the registration of m version 3 failed\n  why:   the disk is full\n"), "\(run)")
    let gone = ScriptedTransport([
      Self.pending(5), .error(404, "RESOURCE_DOES_NOT_EXIST", "Model 'm' has no version 3."),
    ])
    let other = await CommandRun(["models", "register", "m", "/src"], transport: gone.transport)
    #expect(other.code == 1, "\(other)")
    #expect(other.notes.contains("error: the registration of m version 3 did not end\n"), "\(other)")
  }

  @Test func `an interrupted register says that the registration continues and how to look at it`() async {
    let run = await CommandRun(
      ["models", "register", "m", "/src", "--alias", "@champion"],
      transport: ScriptedTransport([Self.pending(5)]).transport, interruption: { true })
    #expect(run.code == 130, "\(run)")
    #expect(run.notes.contains("the registration of m version 3 continues on the plane"), "\(run)")
    for command in ["models list m", "models delete m --version 3", "models alias m champion 3"] {
      #expect(run.notes.contains("\"setpoint \(command)\""), "\(run)")
    }
    #expect(run.notes.contains("once it is READY, run \"setpoint models alias"), "\(run)")
  }

  @Test func `on a terminal, the message of an interrupted register stays`() async {
    let network = ScriptedTransport([Self.pending(5)])
    let run = await CommandRun(
      ["models", "register", "m", "/src"], transport: network.transport, isLive: true,
      interruption: {
        // The progress line has been drawn by then.
        while network.requests.count < 3 { await Task.yield() }
        return true
      })
    #expect(run.code == 130, "\(run)")
    let message = run.notes.firstRange(of: "interrupted; the registration of m version 3")
    let rest = message.map { run.notes[$0.lowerBound...] } ?? ""
    #expect(!rest.isEmpty && !rest.contains("\u{1B}"), "\(run)")
  }

  @Test func `a model of a hub is registered by its name`() async {
    let network = ScriptedTransport([
      .json(["model_name": "m", "version": 1, "status": "READY", "source": "hf:acme/tiny@abc123"])
    ])
    let run = await CommandRun(
      ["models", "register", "m", "--hf", "acme/tiny", "--revision", "v1"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.notes.contains("registered m version 1 from hf:acme/tiny@abc123\n"), "\(run)")
    let sent = network.requests.last?.body.flatMap { try? JSONValue(parsing: $0) }
    #expect(sent == ["hf": "acme/tiny", "revision": "v1", "background": true])
  }

  @Test(
    arguments: [
      (["m"], "error: no folder is specified; pass DIR or --hf ORG/MODEL\n"),
      (["m", "/src", "--hf", "a/b"], "error: DIR and --hf cannot be combined\n"),
      (["m", "/src", "--revision", "v1"], "error: --revision requires --hf ORG/MODEL\n"),
      (["m", "--hf", "a/b", "--follow-links"], "error: --follow-links requires DIR\n"),
    ] as [([String], String)])
  func `a registration needs a folder or a model of a hub`(_ arguments: [String], _ says: String) async {
    let run = await CommandRun(["models", "register"] + arguments)
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains(says), "\(run)")
  }

  // MARK: Removal

  @Test func `a version is deleted with the named aliases`() async {
    let answer: JSONValue = ["model_name": "m", "version": 3, "freed_bytes": 2_147_483_648, "model_deleted": true]
    let network = ScriptedTransport([Self.plane, .json(answer)])
    let run = await CommandRun(
      ["models", "delete", "m", "--version", "3", "--alias", "@next", "--alias", "old"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "m version 3: deleted (the last version, so the model too), 2Gi freed\n")
    #expect(network.requests.last?.method == "DELETE")
    #expect(network.requests.last?.url.hasSuffix("/models/m/versions/3?alias=next&alias=old") == true)
    let json = await CommandRun(
      ["models", "delete", "m", "--version", "3", "-o", "json"],
      transport: ScriptedTransport([Self.plane, .json(answer)]).transport)
    #expect((try? JSONValue(parsing: json.output))?["freedBytes"] == 2_147_483_648, "\(json)")
  }

  @Test func `the deletion of a version that is being registered is reported as a canceled registration`() async {
    let answer: JSONValue = [
      "model_name": "m", "version": 3, "freed_bytes": 0, "model_deleted": true, "registration_canceled": true,
    ]
    let run = await CommandRun(
      ["models", "delete", "m", "--version", "3"],
      transport: ScriptedTransport([Self.plane, .json(answer)]).transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "m version 3: registration canceled\n")
  }

  @Test func `a version that is needed is not deleted, and the endpoints are named`() async {
    let network = ScriptedTransport([
      Self.plane,
      .error(409, "RESOURCE_CONFLICT", "Version 3 of model 'm' is in use: endpoint 'chat' serves it."),
    ])
    let run = await CommandRun(["models", "delete", "m", "--version", "3"], transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("error: m version 3 cannot be deleted\n"), "\(run)")
    #expect(run.notes.contains("endpoint 'chat' serves it"), "\(run)")
    #expect(network.requests.count == 2)
  }

  @Test(arguments: [["delete", "m", "--version", "3"], ["gc"]])
  func `nothing is removed from a workspace`(_ arguments: [String]) async {
    let network = ScriptedTransport([.json(["workspace_id": "1"])])
    let run = await CommandRun(["models"] + arguments, transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("is not a serving plane"), "\(run)")
    #expect(network.requests.map(\.method) == ["GET"])
  }

  @Test func `gc prints what it removes, and with --dry-run what it would remove`() async {
    let garbage: JSONValue = [
      "items": [["path": "/d/models/.deleted-a", "description": "a deleted version", "bytes": 1_610_612_736]]
    ]
    let network = ScriptedTransport([Self.plane, .json(garbage)])
    let run = await CommandRun(["models", "gc", "--dry-run"], transport: network.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "/d/models/.deleted-a: a deleted version, 1.5Gi\n")
    #expect(run.notes.contains("would free 1.5Gi"), "\(run)")
    let sent = network.requests.last?.body.flatMap { try? JSONValue(parsing: $0) }
    #expect(sent == ["dry_run": true])
    let none = await CommandRun(
      ["models", "gc"], transport: ScriptedTransport([Self.plane, .json(["items": []])]).transport)
    #expect(none.notes.contains("nothing to remove"), "\(none)")
  }
}
