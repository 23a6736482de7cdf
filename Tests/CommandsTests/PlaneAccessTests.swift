import LibCurl
import ServingAPI
import TestKit
import Testing

/// `access` of a manifest at a plane: the workspace double's permissions under a plane's name.
@Suite struct PlaneAccessTests {
  private static func manifest(_ access: String) -> String {
    Manifests.chat(version: "1", more: "  access: \(access)")
  }

  /// The double as a plane: it says so in its document about itself.
  private static func plane(_ workspace: WorkspaceDouble) -> Transport {
    let double = workspace.transport
    return { request in
      guard request.url.hasSuffix("/.well-known/databricks-config") else { return try await double(request) }
      return APIResponse(
        status: 200, effectiveURL: request.url, body: ByteStream([Array(#"{"served_by":"setpoint"}"#.utf8)]))
    }
  }

  private func withPlane(_ body: (WorkspaceDouble, (String, [String]) async -> CommandRun) async throws -> Void)
    async throws
  {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      try await body(workspace) { access, arguments in
        await CommandRun(
          arguments + ["-f", "-", "--state", directory], input: Self.manifest(access), workspace: workspace,
          transport: Self.plane(workspace), timing: workspace.timing)
      }
    }
  }

  @Test func `names of tokens are granted as users, service principals and groups, and are then in sync`()
    async throws
  {
    try await withPlane { workspace, run in
      let access =
        "[{user: ci, level: CanQuery}, {servicePrincipal: deploy-bot, level: CanManage}, "
        + "{group: support, level: CanView}]"
      let applied = await run(access, ["apply"])
      #expect(applied.code == 0, "\(applied)")
      #expect(!applied.notes.contains("is not an email address") && !applied.notes.contains("application ID"))
      let grants = workspace.grants(on: "support-chat")
      #expect(grants["ci"] == "CAN_QUERY" && grants["deploy-bot"] == "CAN_MANAGE" && grants["support"] == "CAN_VIEW")
      let diff = await run(access, ["diff"])
      #expect(diff.code == 0, "inherited permissions are no difference: \(diff)")
    }
  }

  @Test func `exact access revokes what the manifest does not name, and the caller stays a manager`() async throws {
    try await withPlane { workspace, run in
      let first = await run("[{user: ci, level: CanQuery}, {group: support, level: CanQuery}]", ["apply"])
      #expect(first.code == 0, "\(first)")
      let exact = "{mode: exact, grants: [{servicePrincipal: deploy-bot, level: CanManage}]}"
      let applied = await run(exact, ["apply"])
      #expect(applied.code == 0, "\(applied)")
      #expect(
        workspace.grants(on: "support-chat") == ["deploy-bot": "CAN_MANAGE", "deployer@example.com": "CAN_MANAGE"])
      let diff = await run(exact, ["diff"])
      #expect(diff.code == 0, "\(diff)")
    }
  }

  @Test func `an adopted endpoint gets the grants`() async throws {
    try await withPlane { workspace, run in
      try await workspace.serve("support-chat")
      let access = "[{user: ci, level: CanQuery}]"
      let refused = await run(access, ["apply"])
      #expect(refused.code != 0, "it belongs to no fleet: \(refused)")
      let adopted = await run(access, ["apply", "--adopt"])
      #expect(adopted.code == 0, "\(adopted)")
      #expect(workspace.grants(on: "support-chat")["ci"] == "CAN_QUERY")
    }
  }

  @Test func `without a provider, such a name is a warning, and for a workspace a user must be an email address`()
    async
  {
    let access = Self.manifest("[{user: ci, level: CanQuery}]")
    let unknown = await CommandRun(["validate", "-f", "-"], environment: [:], input: access)
    #expect(unknown.code == 0, "\(unknown)")
    #expect(unknown.output.contains("warning: spec.access[0].user: \"ci\" is not an email address"), "\(unknown)")
    #expect(unknown.output.contains("only a plane accepts other names: its tokens' names"))
    let workspace = await CommandRun(["validate", "-f", "-", "--cloud", "aws"], environment: [:], input: access)
    #expect(workspace.code == 1)
    #expect(workspace.output.contains("error: spec.access[0].user: \"ci\" is not an email address"), "\(workspace)")
  }
}
