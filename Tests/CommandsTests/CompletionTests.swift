import History
import LibCurl
import Planning
import ServingAPI
import TestKit
import Testing

@testable import Commands

@Suite struct CompletionTests {
  @Test func `endpoint names come from the provider, without the platform's own`() async throws {
    let workspace = WorkspaceDouble()
    for name in ["support-chat", "support-rag", "other"] { try await workspace.serve(name) }
    let run = await CommandRun(
      ["---completion", "describe", "--", "name", "1", "0", "setpoint", "describe", "support"], workspace: workspace)
    #expect(run.code == 0, "\(run)")
    #expect(run.output.split(separator: "\n").contains("support-chat"), "\(run)")
    #expect(run.notes == "")
  }

  @Test func `a provider that does not answer gives no names and no error`() async throws {
    let workspace = WorkspaceDouble()
    workspace.fail("GET", times: 100, with: .answer(status: 503, errorCode: "TEMPORARILY_UNAVAILABLE", message: "no"))
    let timing = TestTiming()
    let run = await CommandRun(
      ["---completion", "describe", "--", "name", "1", "0", "setpoint", "describe", ""], workspace: workspace,
      timing: timing)
    #expect(run.code == 0, "\(run)")
    #expect(run.notes == "")
    #expect(timing.pauses.isEmpty, "no retry")
  }

  @Test
  func `every call of a completion has a short timeout and goes to the provider on the command line`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("chat")
    let double = workspace.transport
    let run = await CommandRun(
      [
        "---completion", "logs", "--", "name", "3", "0", "setpoint", "logs", "--host=https://workspace.example.com", "",
      ], workspace: workspace,
      transport: { request in
        #expect(request.timeouts?.total == .seconds(2))
        #expect(request.url.hasPrefix("https://workspace.example.com/"))
        return try await double(request)
      })
    #expect(run.output.contains("chat"), "\(run)")
  }

  @Test func `served entities, models, fleets and revisions are completed`() async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
      func run(_ arguments: [String], version: String = "1") async -> CommandRun {
        await CommandRun(
          arguments, input: Manifests.chat(version: version), workspace: workspace, timing: workspace.timing)
      }
      for version in ["1", "2"] {
        let applied = await run(["apply", "-f", "-", "--state", directory], version: version)
        #expect(applied.code == 0, "\(applied)")
      }
      func completed(_ argument: String, _ line: String...) async -> [Substring] {
        let command = Array(line.prefix { !$0.hasPrefix("-") && $0 != "support-chat" && !$0.isEmpty })
        let asked = await run(
          ["---completion"] + command + ["--", argument, "\(line.count)", "0", "setpoint"] + line)
        #expect(asked.code == 0 && asked.notes == "", "\(asked)")
        return asked.output.split(separator: "\n")
      }
      #expect(await completed("--entity", "logs", "support-chat", "--entity", "").count == 1)
      #expect(
        await completed("--to", "rollback", "support-chat", "--state", directory, "--to", "") == ["1", "2"])
      #expect(await completed("name", "models", "register", "") == ["main.support.hello"])
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      let moment = Timestamp(milliseconds: 1_767_225_600_000)
      for fleet in ["support", "search"] {
        try await history.save([], fleet: fleet, host: "https://workspace.example.com", at: moment)
      }
      #expect(await completed("--fleet", "status", "--state", directory, "--fleet", "") == ["search", "support"])
    }
  }
}
