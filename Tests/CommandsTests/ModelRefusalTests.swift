import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

/// What the commands for models say about registrations and aliases that were refused, failed or canceled.
@Suite struct ModelRefusalTests {
  @Test func `a registration that is canceled while its first response is awaited is not sent again`() async {
    let network = ScriptedTransport([.error(409, "ABORTED", "the registration was canceled; nothing was kept")])
    let run = await CommandRun(["models", "register", "m", "/src"], transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("error: the registration of m was canceled\n"), "\(run)")
    #expect(network.requests.count == 1)
  }

  @Test func `a number that is being registered is not called taken`() async {
    let network = ScriptedTransport([
      .error(409, "RESOURCE_CONFLICT", "version 1 of model \"m\" is being registered")
    ])
    let run = await CommandRun(["models", "register", "m", "/src", "--version", "1"], transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("error: m cannot be registered now\n"), "\(run)")
    #expect(run.notes.contains("why:   version 1 of model \"m\" is being registered\n"), "\(run)")
    #expect(!run.notes.contains("already has version"), "\(run)")
  }

  @Test func `an alias for a version that is being registered is refused with what to wait for`() async {
    let why = "version 1 of model \"m\" is being registered; set the alias once it is READY"
    let network = ScriptedTransport([.error(409, "RESOURCE_CONFLICT", why)])
    let run = await CommandRun(["models", "alias", "m", "prod", "1"], transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("error: m@prod cannot be set now\n"), "\(run)")
    #expect(run.notes.contains("why:   \(why)\n"), "\(run)")
    #expect(run.notes.contains("next:  \"setpoint models list m\" shows the progress\n"), "\(run)")
  }

  @Test func `the reason of a failed registration is listed with its model and version`() async {
    let versions: JSONValue = [
      "model_versions": [
        ["model_name": "m", "version": 2, "status": "FAILED_REGISTRATION", "comment": "the disk is full"],
        [
          "model_name": "m", "version": 3, "status": "FAILED_REGISTRATION",
          "comment": "version 3 of model \"m\" is damaged",
        ],
      ]
    ]
    let run = await CommandRun(
      ["models", "list", "m"],
      transport: ScriptedTransport([.json(["full_name": "m", "aliases": []]), .json(versions)]).transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.notes.contains("m version 2: the disk is full\nversion 3 of model \"m\" is damaged\n"), "\(run)")
  }

  @Test func `a progress of a few bytes has a unit`() async {
    let network = ScriptedTransport([
      .json(["model_name": "m", "version": 3, "status": "PENDING_REGISTRATION", "bytes_done": 0]),
      .json(["model_name": "m", "version": 3, "status": "READY"]),
    ])
    let run = await CommandRun(["models", "register", "m", "--hf", "a/b"], transport: network.transport)
    #expect(run.notes.contains("registering m version 3: 0 bytes\n"), "\(run)")
  }

  @Test(arguments: [true, false])
  func `a plane that goes away during a registration is reported with what to do`(hasBegun: Bool) async {
    let begun: JSONValue = ["model_name": "m", "version": 3, "status": "PENDING_REGISTRATION", "bytes_done": 0]
    var answers: [ScriptedTransport.ScriptedResponse] = [.lost()]
    if hasBegun { answers.insert(.json(begun), at: 0) }
    let run = await CommandRun(
      ["models", "register", "m", "--hf", "a/b"], transport: ScriptedTransport(answers).transport)
    let what = hasBegun ? "m version 3" : "m"
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("error: the connection to the plane was lost while \(what) was being registered\n"))
    #expect(run.notes.contains("next:  if the plane was stopped, start it and run the command again"), "\(run)")
    #expect(run.notes.contains("\"setpoint models list m\" shows it"), "\(run)")
  }

  @Test func `a model that the hub does not have is not reported as the provider's failure`() async {
    let why = "hf could not download hf:a/b: Error: Model 'a/b' not found."
    let network = ScriptedTransport([.error(404, "RESOURCE_DOES_NOT_EXIST", why)])
    let run = await CommandRun(["models", "register", "m", "--hf", "a/b"], transport: network.transport)
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("error: a/b cannot be downloaded\n"), "\(run)")
    #expect(run.notes.contains("why:   \(why)\n"), "\(run)")
  }

  @Test(
    arguments: [
      ["alias", "m", "@", "1"], ["alias", "m", "a b", "1"], ["alias", "m", "a/b", "1"], ["alias", "m", "latest", "1"],
      ["register", "m", "/src", "--alias", ""], ["delete", "m", "--version", "1", "--alias", "@"],
    ])
  func `an alias that no registry accepts is refused before a call`(_ arguments: [String]) async {
    let network = ScriptedTransport([.json([:])])
    let run = await CommandRun(["models"] + arguments, transport: network.transport)
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains("alias"), "\(run)")
    #expect(network.requests.isEmpty)
  }
}
