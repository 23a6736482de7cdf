import Commands
import FoundationEssentials
import LibCurl
import ServingAPI
import TestKit
import Testing

/// The rules of workspaces in the commands that read manifests.
@Suite struct WorkspaceRuleTests {
  private let a10 = Manifests.chat(version: "1").replacing("workloadType: CPU", with: "workloadType: A10")

  private func environment(_ more: [String: String]) -> [String: String] {
    CommandRun.environment.merging(more) { $1 }
  }

  @Test(arguments: [
    (#"{"workspace_id": "1", "served_by": "setpoint"}"#, 200, true), (#"{"workspace_id": "1"}"#, 200, false),
    (#"{"served_by": "setpoint"}"#, 404, false), ("<html>", 200, false),
  ])
  func `a plane at any address identifies itself and is not mistaken for a workspace`(
    document: String, status: Int, isPlane: Bool
  ) async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      let host = ScriptedTransport([.answer(status: status, body: document)])
      for command in ["diff", "apply"] {
        let run = await CommandRun(
          [command, "-f", "-", "--state", directory],
          input: Manifests.chat(version: "1", more: "  budgetPolicy: b"),
          transport: { request in
            try await (request.url.contains("/.well-known/") ? host.transport : workspace.transport)(request)
          }, timing: workspace.timing)
        let words = "spec.budgetPolicy: serving planes do not support this setting; Databricks workspaces do"
        #expect(run.notes.contains(words) == isPlane, "\(run)")
        // `validate` does not know the provider, and would find nothing.
        #expect(run.notes.contains("fix the findings above; \"setpoint diff -f - ") == isPlane, "\(run)")
      }
      #expect(workspace.writes.isEmpty == isPlane)
      // A command that sends something to what may be a plane asks once more.
      let questions = isPlane ? 2 : 4
      #expect(host.requests.count >= questions, "\(host.requests.map(\.url))")
      #expect(host.requests.allSatisfy { $0.headers.allSatisfy { $0.name != "Authorization" } })
      let plain = await CommandRun(
        ["diff", "-f", "-", "--state", directory], input: Manifests.chat("other", version: "1"),
        transport: { request in
          try await (request.url.contains("/.well-known/") ? host.transport : workspace.transport)(request)
        }, timing: workspace.timing)
      #expect(plain.code == 1, "\(plain)")
    }
  }

  @Test func `validate applies the rules of the cloud that is given, and none without a cloud`() async {
    #expect(await CommandRun(["validate", "-f", "-"], input: a10).code == 0)
    let refused = await CommandRun(["validate", "-f", "-", "--cloud", "azure"], input: a10)
    #expect(refused.code == 1)
    #expect(refused.output.hasPrefix("-:8:17: error: spec.workloadType: Azure has no A10; it has T4 ("), "\(refused)")
    #expect(refused.notes == "0 valid endpoints, 1 error\n")
    #expect(await CommandRun(["validate", "-f", "-", "--cloud", "aws"], input: a10).code == 0)
  }

  @Test(arguments: [
    ["DATABRICKS_CLOUD": "Azure"], ["DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net"],
    ["DATABRICKS_CLOUD": "azure", "DATABRICKS_HOST": "https://dbc-1.cloud.databricks.com"],
  ]) func `the environment sets the cloud and overrides the address`(more: [String: String]) async {
    let run = await CommandRun(["validate", "-f", "-"], environment: environment(more), input: a10)
    #expect(run.code == 1 && run.output.contains("Azure has no A10"), "\(run)")
    let flag = await CommandRun(
      ["validate", "-f", "-", "--cloud", "aws"], environment: environment(more), input: a10)
    #expect(flag.code == 0, "\(flag)")
  }

  @Test func `a rule is overridden by the flag before the environment`() async {
    let off = environment(["SETPOINT_RULES": "hardware-of-cloud=off"])
    let arguments = ["validate", "-f", "-", "--cloud", "azure"]
    #expect(await CommandRun(arguments, environment: off, input: a10).output == "")
    let warned = await CommandRun(arguments + ["--rule", "hardware-of-cloud=warn"], environment: off, input: a10)
    #expect(warned.code == 0)
    #expect(warned.output.contains(": warning: spec.workloadType: Azure has no A10"), "\(warned)")
  }

  @Test(
    arguments: [
      (["--rule", "hardware-of-clouds=off"], [:], "did you mean \"hardware-of-cloud\"?"),
      ([], ["SETPOINT_RULES": "nonsense"], "write NAME=off"),
      ([], ["DATABRICKS_CLOUD": "ibm"], "\"ibm\", is not valid; use aws"),
      (["--cloud", "ibm"], [:], "aws"),
    ] as [([String], [String: String], String)]) func `an invalid rule or cloud is a usage error`(
      arguments: [String], more: [String: String], words: String
    ) async
  {
    let run = await CommandRun(["validate", "-f", "-"] + arguments, environment: environment(more), input: a10)
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains(words), "\(run)")
  }

  @Test func `diff and apply send no request if a rule refuses a manifest`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready])
    try await withTemporaryDirectory { directory in
      try Data(a10.utf8).write(to: URL(filePath: "\(directory)/chat.yaml"))
      let common = ["-f", "\(directory)/chat.yaml", "--state", "\(directory)/state", "--cloud", "azure"]
      for (command, code) in [("diff", 2), ("apply", 1)] {
        let run = await CommandRun([command] + common, workspace: workspace)
        #expect(run.code == Int32(code), "\(run)")
        #expect(run.notes.contains("Azure has no A10") && run.notes.contains("the manifests have an error"), "\(run)")
      }
      #expect(workspace.calls.isEmpty)
      let passed = await CommandRun(["diff"] + common + ["--rule", "hardware-of-cloud=warn"], workspace: workspace)
      #expect(passed.code == 1 && passed.notes.contains("warning"), "\(passed)")
    }
  }

  static let silicon: [([String], String)] = [
    (["--cloud", "azure"], "A100 (GPU_LARGE, 1x A100 80 GB)"),
    (["--cloud", "aws"], "GPU_LARGE (1x L40-class 48 GB)"), ([], "A100 (GPU_LARGE)"),
  ]

  @Test(arguments: silicon)
  func `a plan names the cloud's hardware`(arguments: [String], shown: String) async throws {
    let text = a10.replacing("A10", with: "GPU_LARGE")
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready])
    try await withTemporaryDirectory { directory in
      let common = ["diff", "-f", "-", "--state", "\(directory)/state"]
      let run = await CommandRun(common + arguments, input: text, workspace: workspace)
      #expect(run.code == 1)
      #expect(run.lines.contains { $0.hasPrefix("    spec.workloadType") && $0.hasSuffix("  \(shown)") }, "\(run)")
    }
  }

  @Test func `limits apply wherever the endpoints are served`() async {
    let long = a10.replacing("name: support-chat", with: "name: \(String(repeating: "n", count: 64))")
    let run = await CommandRun(["validate", "-f", "-"], input: long)
    #expect(
      run.code == 1 && run.output.contains("metadata.name: has 64 characters; providers accept at most 63"), "\(run)")
    #expect(await CommandRun(["validate", "-f", "-", "--rule", "name-length=64"], input: long).code == 0)
  }
}
