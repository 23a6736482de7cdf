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
    #expect(sent == ["source": "/src", "version": "7"])
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
        "MODEL VERSION STATUS ALIASES SOURCE", "main.support.hello 1 READY - -",
        "main.support.hello 2 READY @champion -",
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
}
