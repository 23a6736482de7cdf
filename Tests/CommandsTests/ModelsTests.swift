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
}
