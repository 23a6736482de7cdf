import CanonicalJSON
import Commands
import LibCurl
import ServingAPI
import Synchronization
import TestKit
import Testing

/// A query of an endpoint that does not answer.
@Suite struct QueryTests {
  private static let outage = WorkspaceDouble.Fault.answer(
    status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "try later")

  private func failing() async throws -> WorkspaceDouble {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.fails(message: "vLLM stopped: out of memory"), model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    for _ in 0..<5 { _ = try await workspace.provider.observe("support-chat") }
    return workspace
  }

  @Test(arguments: [[], ["--stream"]])
  func `an endpoint that cannot become ready is reported with its cause, not only status`(more: [String]) async throws {
    let workspace = try await failing()
    workspace.fail("POST", path: "invocations", with: Self.outage)
    let run = await CommandRun(["query", "support-chat", "hi"] + more, workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: support-chat cannot answer: it failed to start"), "\(run)")
    #expect(run.notes.contains("out of memory"), "\(run)")
    #expect(run.notes.contains("\"setpoint describe support-chat\""), "\(run)")
  }

  @Test(arguments: [[], ["--stream"]])
  func `an adapter is queried by the endpoint's name and its own`(more: [String]) async throws {
    let answer: JSONValue = ["choices": [["message": ["role": "assistant", "content": "hi"]]]]
    let network = ScriptedTransport([.json(answer)])
    _ = await CommandRun(["query", "support-chat:tone", "hello"] + more, transport: network.transport)
    let request = try #require(network.requests.first { $0.url.hasSuffix("/invocations") })
    #expect(request.url.hasSuffix("/serving-endpoints/support-chat/invocations"))
    #expect(try JSONValue(parsing: request.body ?? [])["model"] == "support-chat:tone")
    let wrong = await CommandRun(["query", "support-chat:", "hello"])
    #expect(wrong.code == 64 && wrong.notes.contains("write NAME, or NAME:ADAPTER"), "\(wrong)")
  }

  @Test func `the command does not wait for it until the timeout`() async throws {
    let workspace = try await failing()
    let double = workspace.transport
    // The provider holds the request; the endpoint's state meanwhile ends the wait.
    let run = await CommandRun(
      ["query", "support-chat", "hi"], workspace: workspace,
      transport: { request in
        guard request.url.hasSuffix("/invocations") else { return try await double(request) }
        try await Task.sleep(for: .seconds(3600))
        throw CancellationError()
      }, heartbeat: { !Task.isCancelled })
    #expect(run.code == 1)
    #expect(run.notes.contains("error: support-chat cannot answer: it failed to start"), "\(run)")
    #expect(run.notes.contains("out of memory"), "\(run)")
  }

  @Test func `while an endpoint starts, its state is reported`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.hangs, model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    let double = workspace.transport
    let looks = Mutex(0)
    let (looked, look) = AsyncStream.makeStream(of: Void.self)
    let run = await CommandRun(
      ["query", "support-chat", "hi"], workspace: workspace,
      transport: { request in
        guard request.url.hasSuffix("/invocations") else {
          let count = looks.withLock { looks in
            looks += 1
            return looks
          }
          // What the first check found has been reported by the second.
          if count == 2 { look.finish() }
          return try await double(request)
        }
        for await _ in looked {}
        return try await double(request)
      },
      heartbeat: {
        await Task.yield()
        return !Task.isCancelled
      })
    #expect(run.notes.contains("support-chat: updating"), "\(run)")
  }

  @Test(arguments: [[], ["--stream"]])
  func `an endpoint that starts for the first time is waited for, and then answers`(more: [String]) async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.ready(polls: 4), model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    let timing = TestTiming()
    let run = await CommandRun(["query", "support-chat", "hi"] + more, workspace: workspace, timing: timing)
    #expect(run.code == 0, "\(run)")
    #expect(run.output.contains("Hello from v9"), "\(run)")
    #expect(run.notes.contains("support-chat: updating"), "\(run)")
    #expect(run.notes.contains("waiting until it is ready"), "\(run)")
    #expect(timing.elapsed > .zero && timing.elapsed < .seconds(60))
  }

  @Test func `an endpoint that fails while it is waited for is reported at once, with its cause once`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.fails(polls: 4, message: "out of memory"), model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    let run = await CommandRun(["query", "support-chat", "hi"], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: support-chat cannot answer: it failed to start"), "\(run)")
    let error = run.notes.split(separator: "error: ").last ?? ""
    #expect(error.ranges(of: "out of memory").count == 1, "\(run)")
  }

  @Test func `for an endpoint that is not ready in time, the command says how to wait for it`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setBehavior(.hangs, model: "main.support.hello", version: "9")
    _ = try await workspace.provider.create("support-chat", config: Manifests.config(version: "9"), tags: [:])
    workspace.fail("POST", path: "invocations", with: Self.outage)
    let timing = TestTiming()
    let run = await CommandRun(
      ["query", "support-chat", "hi", "--timeout", "90s"], workspace: workspace, timing: timing)
    #expect(run.code == 1)
    #expect(timing.elapsed == .seconds(90))
    #expect(run.notes.contains("it is not ready"), "\(run)")
    #expect(run.notes.contains("\"setpoint wait support-chat\""), "\(run)")
  }

  @Test func `a missing endpoint is reported as not found`() async throws {
    let run = await CommandRun(["query", "nobody", "hi"], workspace: WorkspaceDouble())
    #expect(run.code == 1)
    #expect(run.notes.contains("error: endpoint nobody not found at https://workspace.example.com"), "\(run)")
  }

  @Test(arguments: [[], ["--stream"]])
  func `a token that the provider refuses is reported as other commands do`(more: [String]) async throws {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready])
    try await workspace.serve("support-chat")
    let refused = WorkspaceDouble.Fault.answer(
      status: 401, errorCode: "UNAUTHENTICATED", message: "the token is not valid")
    workspace.fail("POST", path: "invocations", times: 3, with: refused)
    workspace.fail("GET", path: "support-chat", times: 3, with: refused)
    let run = await CommandRun(["query", "support-chat", "hi"] + more, workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: the provider rejected the token"), "\(run)")
    #expect(run.notes.contains("it came from environment DATABRICKS_TOKEN"), "\(run)")
  }

  @Test(arguments: ["query", "logs"])
  func `an unknown served entity is answered with the known ones`(command: String) async throws {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready])
    try await workspace.serve("support-chat")
    workspace.fail(
      "POST", path: "invocations",
      with: .answer(status: 404, errorCode: "RESOURCE_DOES_NOT_EXIST", message: "no such served entity"))
    let prompt = command == "query" ? ["hi"] : []
    let run = await CommandRun([command, "support-chat"] + prompt + ["--entity", "hello-9"], workspace: workspace)
    #expect(run.code == 1)
    #expect(run.notes.contains("error: support-chat has no served entity hello-9"), "\(run)")
    #expect(run.notes.contains("next:  use "), "\(run)")
  }
}
