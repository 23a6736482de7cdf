import CanonicalJSON
import LibCurl
import ServingAPI
import TestKit
import Testing

@Suite struct DeleteTests {
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
    #expect(run.output == "support-chat: deleted\n")
    #expect(workspace.endpoint("support-chat") == nil)
  }

  @Test(
    arguments: [
      ([:], ["support-chat"], "no fleet owns it"),
      (["setpoint-fleet": "prod"], ["support-chat"], "--fleet prod"),
      (["setpoint-fleet": "default", "setpoint-retain": "true"], ["support-chat"], "--retained"),
      (["setpoint-fleet": "default"], ["support-chat", "nobody"], "endpoint nobody not found"),
    ] as [([String: String], [String], String)])
  func `endpoints that may not be deleted stay`(tags: [String: String], names: [String], words: String) async throws {
    let (run, workspace) = try await delete(names, tags: tags)
    #expect(run.code == 1)
    #expect(run.notes.contains(words), "\(run)")
    #expect(workspace.writes.isEmpty)
  }

  @Test(arguments: [
    ["support-chat", "nobody"], ["nobody", "support-chat"], ["support-chat", "nobody", "-o", "json"],
  ])
  func `one wrong name among several deletes nothing, and the command says so`(arguments: [String]) async throws {
    let (run, workspace) = try await delete(arguments, tags: ["setpoint-fleet": "default"])
    #expect(run.code == 1)
    #expect(run.notes.contains("endpoint nobody not found at https://workspace.example.com; nothing was deleted\n"))
    #expect(run.output == "" && workspace.writes.isEmpty, "\(run)")
  }

  @Test func `a name that is given twice is deleted once`() async throws {
    let (run, workspace) = try await delete(["support-chat", "support-chat"], tags: ["setpoint-fleet": "default"])
    #expect(run.code == 0, "\(run)")
    #expect(run.output == "support-chat: deleted\n" && workspace.writes.count == 1)
  }

  @Test(arguments: [[], ["-o", "json"]])
  func `endpoints deleted before a failure are reported`(format: [String]) async throws {
    let workspace = WorkspaceDouble()
    for name in ["one", "two", "three"] { try await workspace.serve(name, tags: ["setpoint-fleet": "default"]) }
    let transport: Transport = { request in
      guard request.method == "DELETE", request.url.hasSuffix("/two") else {
        return try await workspace.transport(request)
      }
      let body: JSONValue = ["error_code": "PERMISSION_DENIED", "message": "no right to it"]
      return APIResponse(status: 403, headers: HTTPHeaders([]), body: ByteStream([Array(body.text().utf8)]))
    }
    try await withTemporaryDirectory { state in
      let run = await CommandRun(
        ["delete", "one", "two", "three", "--state", state] + format, workspace: workspace, transport: transport)
      #expect(run.code == 1)
      #expect(run.notes.contains("error: the provider denied permission; deleted before that: one\n"), "\(run)")
      #expect(workspace.endpoint("one") == nil && workspace.endpoint("three") != nil)
      if format.isEmpty {
        #expect(run.output == "one: deleted\n")
      } else {
        let told = try JSONValue(parsing: run.output)
        #expect(told["deleted"] == ["one"], "\(run)")
      }
    }
  }

  @Test func `a protected endpoint is deleted if the command says so explicitly`() async throws {
    let (run, workspace) = try await delete(
      ["support-chat", "--retained"], tags: ["setpoint-fleet": "default", "setpoint-retain": "true"])
    #expect(run.code == 0, "\(run)")
    #expect(workspace.endpoint("support-chat") == nil)
  }
}
