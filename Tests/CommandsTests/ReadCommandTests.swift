import CanonicalJSON
import Commands
import Endpoints
import History
import Planning
import ServingAPI
import TestKit
import Testing

/// Commands that read and change nothing.
@Suite struct ReadCommandTests {
  @Test(arguments: [["get"], ["get", "support-chat"], ["describe", "support-chat"], ["logs", "support-chat"]])
  func `a command first names the provider that it uses`(arguments: [String]) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    try await withTemporaryDirectory { state in
      let needsState = arguments[0] == "describe"
      let run = await CommandRun(arguments + (needsState ? ["--state", state] : []), workspace: workspace)
      #expect(run.code == 0, "\(run)")
      #expect(
        run.notes.hasPrefix(
          "target: https://workspace.example.com (environment DATABRICKS_HOST), authentication pat: environment "
            + "DATABRICKS_TOKEN\n"), "\(run)")
      #expect(workspace.writes.isEmpty)
    }
  }

  @Test func `without a provider, the command says how to configure one`() async {
    let run = await CommandRun(["get"], environment: ["HOME": "/nowhere", "XDG_RUNTIME_DIR": "/nowhere"])
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.notes.contains("setpoint serve"))
    #expect(run.notes.contains("DATABRICKS_HOST"))
  }

  @Test func `get lists endpoints as a table`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", tags: ["setpoint-fleet": "default"])
    try await workspace.serve("other", version: "2")
    let run = await CommandRun(["get"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(run.lines.first == "NAME           STATE   MODEL                  SIZE    FLEET     CHANGED")
    #expect(
      run.lines.dropFirst().map { $0.prefix(54) } == [
        "other          Ready   main.support.hello/2   Small   ",
        "support-chat   Ready   main.support.hello/1   Small   ",
      ])
    #expect(run.lines.last?.contains("default") == true)
  }

  @Test func `describe shows what an endpoint has besides its config`() async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      let settings = """
          gateway: {rateLimits: [{key: user, calls: 60}], usageTracking: true}
          notifications: {onUpdateFailure: [oncall@example.com]}
          access: [{group: support, level: CanQuery}]
        """
      let applied = await CommandRun(
        ["apply", "-f", "-", "--state", state], input: Manifests.chat(version: "1") + "\n" + settings + "\n",
        workspace: workspace, timing: workspace.timing)
      #expect(applied.code == 0, "\(applied)")
      let run = await CommandRun(["describe", "support-chat", "--state", state], workspace: workspace)
      for line in [
        "Settings", "  rate limit, user: 60 calls a minute", "  usage tracking: on",
        "  notified of failed updates: oncall@example.com", "  access, group support: CanQuery",
      ] { #expect(run.lines.contains(line), "\(line) in \(run)") }
      #expect(run.lines.contains { $0.hasPrefix("Active config, config version 1") }, "\(run)")
    }
  }

  @Test func `if the provider cannot be reached, describe shows the records and reports the outage`() async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      let applied = await CommandRun(
        ["apply", "-f", "-", "--state", state], input: Manifests.chat(version: "1") + "\n", workspace: workspace,
        timing: workspace.timing)
      #expect(applied.code == 0, "\(applied)")
      workspace.setPlan { _, _ in .refuseConnection }
      let run = await CommandRun(
        ["describe", "support-chat", "--state", state], workspace: workspace, timing: workspace.timing)
      #expect(run.code == 1)
      for part in ["State:     not available", "Revisions", "Events"] { #expect(run.output.contains(part), "\(run)") }
      #expect(run.notes.contains("error: the provider cannot be reached"), "\(run)")
      let unknown = await CommandRun(
        ["describe", "nobody", "--state", state], workspace: workspace, timing: workspace.timing)
      #expect(unknown.code == 1 && unknown.output.isEmpty, "\(unknown)")
      let json = await CommandRun(
        ["describe", "support-chat", "-o", "json", "--state", state], workspace: workspace, timing: workspace.timing)
      let document = try JSONValue(parsing: json.output)
      #expect(document["revisions"]?.arrayValue?.count == 1, "\(json)")
    }
  }

  @Test func `a missing endpoint is named, and the others are shown`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    let run = await CommandRun(["get", "support-chat", "nobody"], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.output.contains("support-chat"))
    #expect(run.notes.contains("endpoint nobody not found"))
    #expect(run.notes.hasSuffix("  next:  \"setpoint get\" lists the endpoints there\n"), "\(run)")
  }

  @Test(arguments: [
    ["get"], ["describe"], ["logs"], ["wait"], ["query"], ["history"], ["events"], ["delete"], ["rollback"], ["retry"],
  ])
  func `a misspelled endpoint name is answered with the nearest one`(arguments: [String]) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    try await withTemporaryDirectory { state in
      let history = try HistoryStore.open(in: StateDirectory(path: state))
      try await history.note(
        HistoryEvent(at: Timestamp(milliseconds: 1), what: "deleted"),
        of: EndpointKey(host: "https://workspace.example.com", name: "support-chat"))
      let more: [String] =
        switch arguments[0] {
        case "logs", "wait": []
        case "query": ["Say hello."]
        default: ["--state", state]
        }
      let run = await CommandRun(arguments + ["suport-chat"] + more, workspace: workspace)
      #expect(run.code == (arguments[0] == "events" ? 0 : 1), "\(run)")
      #expect(run.notes.contains("did you mean \"support-chat\"? "), "\(run)")
    }
  }

  @Test func `yaml output is a manifest that validates and means the same`() async throws {
    let workspace = WorkspaceDouble()
    let flags = #"["--dtype","float16","--max-model-len","4096","--enforce-eager"]"#
    try await workspace.serve(
      "support-chat", version: "7",
      environment: ["LEVEL": "INFO", "HF": "{{secrets/llm/hf}}", "SETPOINT_ENGINE_ARGS": flags],
      tags: ["team": "support", "setpoint-fleet": "default", "setpoint-retain": "true"])
    let run = await CommandRun(["get", "support-chat", "-o", "yaml"], workspace: workspace)
    #expect(
      run.output == """
        # versions are the live numbers; the API does not report aliases: write "@alias" to follow one
        apiVersion: serving.setpoint.dev/v1alpha1
        kind: ServingEndpoint
        metadata:
          name: support-chat
        spec:
          model: main.support.hello
          entityVersion: "7"
          engine:
            dtype: float16
            maxModelLen: 4096
            extraArgs:
            - "--enforce-eager"
          environment:
            HF: "{{secrets/llm/hf}}"
            LEVEL: INFO
          tags:
            team: support
          deletionPolicy: Retain

        """)
    let validated = await CommandRun(["validate", "-f", "-"], input: run.output)
    #expect(validated.code == 0, "\(validated)")
    let set = ManifestSet.read([("-", Array(run.output.utf8))])
    let live = try #require(workspace.endpoint("support-chat")?.active?.config)
    #expect(try set.manifests.first?.desired().config.isMet(by: live) == true)
  }

  @Test func `settings for a plane are printed under their own field, and the manifest means the same`() async throws {
    let workspace = WorkspaceDouble()
    let settings = """
      {"affinity":"session","concurrency":8,"idleAfter":"15m","queue":{"bytes":"64Mi","length":9,"wait":"1m30s"}}
      """
    #expect(try PlaneArguments(parsing: settings).fields.allSatisfy { $0.value != nil }, "every field is set")
    try await workspace.serve(
      "support-chat", version: "7", scaleToZero: true, environment: ["LEVEL": "INFO", "SETPOINT_PLANE": settings])
    let run = await CommandRun(["get", "support-chat", "-o", "yaml"], workspace: workspace)
    #expect(!run.output.contains("SETPOINT_PLANE") && run.output.contains("concurrency: 8"), "\(run)")
    let set = ManifestSet.read([("-", Array(run.output.utf8))])
    let live = try #require(workspace.endpoint("support-chat")?.active?.config)
    #expect(try set.manifests.first?.desired().config.isMet(by: live) == true, "\(run)")
  }

  @Test func `describe shows engine and plane under the manifest's names, and not the variables that carry them`()
    async throws
  {
    let workspace = WorkspaceDouble()
    let variables = [
      "LEVEL": "INFO", "SETPOINT_ENGINE_ARGS": #"["--dtype","float16","--max-model-len","4096"]"#,
      "SETPOINT_ADAPTERS": Self.adapters,
      "SETPOINT_PLANE": #"{"affinity":"session","concurrency":8,"queue":{"bytes":"64Mi","wait":"1m30s"}}"#,
    ]
    try await workspace.serve("support-chat", version: "7", environment: variables)
    let run = try await describe(workspace)
    for line in [
      "  plane: concurrency 8, queue.wait 1m30s, queue.bytes 64Mi, affinity session",
      "    engine: --dtype float16 --max-model-len 4096",
      "    adapters: brief main.support.brief 12, tone main.support.tone 3", "    LEVEL=INFO",
    ] { #expect(run.lines.contains(line), "\(line) in \(run)") }
    #expect(!run.output.contains("SETPOINT_"), "\(run)")
  }

  private static let adapters =
    #"[{"model":"main.support.brief","name":"brief","version":"12"},"#
    + #"{"model":"main.support.tone","name":"tone","version":"3"}]"#

  private func describe(_ workspace: WorkspaceDouble) async throws -> CommandRun {
    try await withTemporaryDirectory { state in
      await CommandRun(["describe", "support-chat", "--state", state], workspace: workspace)
    }
  }

  @Test(arguments: [
    ("SETPOINT_PLANE", "{"), ("SETPOINT_PLANE", #"{"idleAfter":"15m"}"#), ("SETPOINT_ENGINE_ARGS", "[1]"),
    ("SETPOINT_ADAPTERS", "[]"), ("SETPOINT_ADAPTERS", #"[{"name":"tone"}]"#),
  ])
  func `describe shows a variable that no manifest writes as it is`(variable: String, value: String) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", environment: [variable: value])
    let run = try await describe(workspace)
    #expect(run.lines.contains { $0.hasPrefix("    \(variable)=") }, "\(run)")
  }

  @Test func `describe hides engine flags that may contain a credential`() async throws {
    let workspace = WorkspaceDouble()
    let flags = #"["--api-key","hunter2-hunter2"]"#
    try await workspace.serve("support-chat", environment: ["SETPOINT_ENGINE_ARGS": flags])
    let run = try await describe(workspace)
    #expect(run.lines.contains("    engine: (hidden)"), "\(run)")
    #expect(!(run.output + run.notes).contains("hunter2"), "\(run)")
  }

  @Test func `LoRA adapters are printed under the engine, and the manifest means the same`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve(
      "support-chat", version: "7",
      environment: ["SETPOINT_ENGINE_ARGS": #"["--dtype","float16"]"#, "SETPOINT_ADAPTERS": Self.adapters])
    let run = await CommandRun(["get", "support-chat", "-o", "yaml"], workspace: workspace)
    #expect(!run.output.contains("SETPOINT_") && run.output.contains("name: tone"), "\(run)")
    let set = ManifestSet.read([("-", Array(run.output.utf8))])
    let live = try #require(workspace.endpoint("support-chat")?.active?.config)
    #expect(try set.manifests.first?.desired().config.isMet(by: live) == true, "\(run)")
  }

  @Test(arguments: ["{", #"{"idleAfter":"15m"}"#])
  func `settings for a plane that a manifest cannot express are omitted with a comment`(settings: String) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", environment: ["SETPOINT_PLANE": settings])
    let run = await CommandRun(["get", "support-chat", "-o", "yaml"], workspace: workspace)
    #expect(run.output.contains("# omitted: plane: SETPOINT_PLANE is not valid"), "\(run)")
    #expect(await CommandRun(["validate", "-f", "-"], input: run.output).code == 0, "\(run)")
  }

  @Test(arguments: ["[]", "{", #"[{"model":"m","name":"tone","version":"@champion"}]"#])
  func `LoRA adapters that a manifest cannot express are omitted with a comment`(adapters: String) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve(
      "support-chat",
      environment: ["SETPOINT_ENGINE_ARGS": #"["--dtype","float16"]"#, "SETPOINT_ADAPTERS": adapters])
    let run = await CommandRun(["get", "support-chat", "-o", "yaml"], workspace: workspace)
    #expect(run.output.contains("# omitted: engine.adapters: SETPOINT_ADAPTERS is not valid"), "\(run)")
    #expect(run.output.contains("dtype: float16") && !run.output.contains("adapters: ["), "\(run)")
    #expect(await CommandRun(["validate", "-f", "-"], input: run.output).code == 0, "\(run)")
  }

  @Test(arguments: ["yaml", "json"])
  func `a plaintext credential is not printed`(format: String) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", environment: ["HF_TOKEN": "hunter2-hunter2", "MONKEY": "see"])
    let run = await CommandRun(["get", "support-chat", "-o", format], workspace: workspace)
    #expect(run.code == 0)
    #expect(!(run.output + run.notes).contains("hunter2"))
    #expect(run.output.contains("see"), "MONKEY only ends in a word that a credential has")
  }

  @Test func `json output is the provider's response, unknown members included`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    let one = try JSONValue(
      parsing: await CommandRun(["get", "support-chat", "-o", "json"], workspace: workspace).output)
    #expect(one["name"]?.stringValue == "support-chat")
    #expect(one["state"]?["ready"]?.stringValue == "READY")
    let list = try JSONValue(parsing: await CommandRun(["get", "-o", "json"], workspace: workspace).output)
    #expect(list["items"]?.arrayValue?.count == 1)
  }

  @Test func `a refused token is reported with the location, the cause and the next step`() async throws {
    let workspace = WorkspaceDouble()
    workspace.fail(
      "GET", with: .answer(status: 403, errorCode: "PERMISSION_DENIED", message: "User does not have CAN_VIEW"))
    let run = await CommandRun(["get"], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: the provider denied permission"))
    #expect(run.notes.contains("where: GET /api/2.0/serving-endpoints (PERMISSION_DENIED, HTTP 403)"))
    #expect(run.notes.contains("why:   User does not have CAN_VIEW"))
    #expect(run.notes.contains("next:"))
    #expect(!run.notes.contains("ServingError"))
  }

  @Test func `a query is answered, whole or streamed`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", version: "3")
    for stream in [[], ["--stream"]] {
      let run = await CommandRun(["query", "support-chat", "Say hello."] + stream, workspace: workspace)
      #expect(run.code == 0, "\(run)")
      #expect(run.output == "Hello from v3\n")
    }
  }

  @Test func `an error response of the model is an error with the server's words`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", version: "3")
    workspace.setAnswer("the engine is dead", status: 500, model: "main.support.hello", version: "3")
    let run = await CommandRun(["query", "support-chat", "Say hello."], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.output == "")
    #expect(run.notes.contains("the engine is dead"))
  }

  @Test func `wait returns when the endpoint is ready`() async throws {
    let workspace = WorkspaceDouble()
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "1"), tags: [:])
    let run = await CommandRun(["wait", "support-chat", "--for", "ready"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(run.notes.contains("support-chat: ready"))
    #expect(run.output == "")
  }

  @Test
  func `waiting for a deletion that nothing started says so at once and names the command to run`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    let run = await CommandRun(
      ["wait", "support-chat", "--for", "deleted", "--timeout", "20"], workspace: workspace)
    #expect(run.code == 1)
    #expect(
      run.notes.contains(
        "support-chat: not deleted: it is ready, and nothing is deleting it; this command only waits\n"), "\(run)")
    #expect(run.notes.contains("support-chat: not deleted: timed out after 20s\n"), "\(run)")
    #expect(run.notes.hasSuffix("  next:  \"setpoint delete support-chat\" deletes it\n"), "\(run)")
    #expect(workspace.writes.isEmpty)
  }

  @Test func `waiting for the deletion of an endpoint that never existed is an error`() async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      func run(_ arguments: String...) async -> CommandRun {
        await CommandRun(
          arguments + ["--state", directory], input: Manifests.chat(version: "1"), workspace: workspace,
          timing: workspace.timing)
      }
      #expect(await run("apply", "-f", "-").code == 0)
      let unknown = await run("wait", "suport-chat", "--for", "deleted")
      #expect(unknown.code == 1)
      #expect(unknown.notes.contains("error: endpoint suport-chat not found at"), "\(unknown)")
      #expect(unknown.notes.contains("did you mean \"support-chat\"?"), "\(unknown)")
      #expect(await run("delete", "support-chat").code == 0)
      let deleted = await run("wait", "support-chat", "--for", "deleted")
      #expect(deleted.code == 0, "\(deleted)")
    }
  }

  @Test(arguments: [1, 3, 12, 47])
  func `a wait takes its whole timeout, however long the pauses between its checks are`(seconds: Int) async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.hangs, model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    let run = await CommandRun(["wait", "support-chat", "--timeout", "\(seconds)s"], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("support-chat: not ready: timed out after \(seconds)s"), "\(run)")
    // The time is named once.
    #expect(!run.notes.contains("(\(seconds)s)"), "\(run)")
  }

  @Test func `waiting for something that cannot happen fails at once and says why`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.fails(message: "vLLM stopped: out of memory"), model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    let run = await CommandRun(["wait", "support-chat"], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("out of memory"), "\(run)")
    #expect(await CommandRun(["wait", "nobody"], workspace: workspace).code == 1)
  }
}
