import LibCurl
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
}
