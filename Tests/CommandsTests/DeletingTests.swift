import TestKit
import Testing

@Suite struct DeletingTests {
  private func delete(_ arguments: [String], tags: [String: String]) async throws -> (CommandRun, WorkspaceDouble) {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", tags: tags)
    return try await withTemporaryDirectory { state in
      (await CommandRun(["delete"] + arguments + ["--state", state], workspace: workspace), workspace)
    }
  }

  @Test func `an endpoint of the fleet is deleted`() async throws {
    let (run, workspace) = try await delete(["support-chat"], tags: ["setpoint-fleet": "default"])
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "support-chat deleted\n")
    #expect(workspace.endpoint("support-chat") == nil)
  }

  @Test(
    arguments: [
      ([:], ["support-chat"], "no fleet owns it"),
      (["setpoint-fleet": "prod"], ["support-chat"], "--fleet prod"),
      (["setpoint-fleet": "default", "setpoint-retain": "true"], ["support-chat"], "--retained"),
      (["setpoint-fleet": "default"], ["support-chat", "nobody"], "there is no endpoint nobody"),
    ] as [([String: String], [String], String)])
  func `what is not to be deleted stays`(tags: [String: String], names: [String], words: String) async throws {
    let (run, workspace) = try await delete(names, tags: tags)
    #expect(run.code == 1)
    #expect(run.notes.contains(words), "\(run)")
    #expect(workspace.writes.isEmpty)
  }

  @Test func `a protected endpoint is deleted when that is said`() async throws {
    let (run, workspace) = try await delete(
      ["support-chat", "--retained"], tags: ["setpoint-fleet": "default", "setpoint-retain": "true"])
    #expect(run.code == 0, "\(run)")
    #expect(workspace.endpoint("support-chat") == nil)
  }
}
