import CanonicalJSON
import Commands
import Endpoints
import FoundationEssentials
import LibCurl
import ServingAPI
import Synchronization
import TestKit
import Testing

/// The checks before the first call, against a workspace in memory.
@Suite struct PreflightTests {
  /// Responses that replace the workspace's own, by the end of their paths.
  private final class Answers: Sendable {
    private let edits = Mutex<[(path: String, edit: @Sendable (JSONValue) -> (Int, JSONValue))]>([])
    private let workspace: WorkspaceDouble

    init(_ workspace: WorkspaceDouble) { self.workspace = workspace }

    func set(_ path: String, _ edit: @escaping @Sendable (JSONValue) -> (Int, JSONValue)) {
      edits.withLock { $0.insert((path, edit), at: 0) }
    }

    /// Members that override the workspace's response.
    func add(_ members: [String: JSONValue], to path: String) {
      set(path) { answer in (200, .object((answer.objectValue ?? [:]).merging(members) { $1 })) }
    }

    var transport: Transport {
      { [self] request in
        let response = try await workspace.transport(request)
        let edit = edits.withLock { edits in edits.first { request.method == "GET" && request.url.hasSuffix($0.path) } }
        guard let edit else { return response }
        var body: [UInt8] = []
        for try await piece in response.body { body += piece }
        let (status, json) = edit.edit((try? JSONValue(parsing: body)) ?? .null)
        return APIResponse(
          status: status, headers: HTTPHeaders([]), body: ByteStream([Array(json.text().utf8)]))
      }
    }
  }

  private struct Harness {
    let workspace: WorkspaceDouble
    let answers: Answers
    let directory: String

    func write(_ text: String, _ name: String = "support-chat") throws {
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/manifests/\(name).yaml"))
    }

    func run(_ command: String, _ more: String..., cloud: String? = "aws") async -> CommandRun {
      await run([command, "-f", "\(directory)/manifests"] + more, cloud)
    }

    /// Runs a command that names its endpoint.
    func change(_ command: String, _ more: String...) async -> CommandRun {
      await run([command, "support-chat"] + more, "aws")
    }

    private func run(_ arguments: [String], _ cloud: String?) async -> CommandRun {
      var environment = CommandRun.environment
      environment["DATABRICKS_CLOUD"] = cloud
      return await CommandRun(
        arguments + ["--state", "\(directory)/state"], environment: environment, workspace: workspace,
        transport: answers.transport, timing: workspace.timing)
    }

    /// Applies versions 1 and 2.
    func applyTwoVersions() async throws {
      for version in ["1", "2"] {
        try write(Manifests.chat(version: version))
        #expect(await run("apply").code == 0)
      }
    }

    var live: String? { workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion }
    var isHeld: Bool { workspace.endpoint("support-chat")?.tags["setpoint-held"] != nil }
  }

  private static let model = "main.support.hello"
  private static let version = "/models/main.support.hello/versions/"

  private func withBench(_ body: (Harness) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
      try FileManager.default.createDirectory(
        atPath: "\(directory)/manifests", withIntermediateDirectories: true)
      let workspace = WorkspaceDouble()
      workspace.setModel(Self.model, versions: [1: .ready, 2: .ready, 3: .pendingRegistration, 4: .failedRegistration])
      try await body(Harness(workspace: workspace, answers: Answers(workspace), directory: directory))
    }
  }

  private func gpu(_ type: String, version: String = "1") -> String {
    Manifests.chat(version: version).replacing("workloadType: CPU", with: "workloadType: \(type)")
  }

  @Test func `a missing version blocks only its own endpoint`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "9"))
      try harness.write(Manifests.chat("other-chat", version: "1"), "other-chat")
      let run = await harness.run("apply")
      #expect(run.code == 1)
      #expect(run.output.contains("other-chat: created"), "\(run)")
      #expect(
        run.output.contains("support-chat: hold (blocked): nothing was sent: main.support.hello has no version 9"),
        "\(run)")
      #expect(run.output.contains("(rule model-ready; --rule model-ready=warn turns this into a warning)"), "\(run)")
      #expect(harness.workspace.endpoint("support-chat") == nil && harness.workspace.endpoint("other-chat") != nil)
    }
  }

  @Test func `a version whose registration failed is refused, unless the check is off`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "4"))
      let refused = await harness.run("apply", "--no-wait")
      #expect(refused.code == 1 && refused.output.contains("its registration failed"), "\(refused)")
      #expect(harness.workspace.writes.isEmpty)
      _ = await harness.run("apply", "--no-wait", "--no-preflight")
      #expect(!harness.workspace.writes.isEmpty)
    }
  }

  @Test func `apply waits for a version that is still being registered`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "3"))
      let workspace = harness.workspace
      let asked = Mutex(0)
      harness.answers.set(Self.version + "3") { answer in
        let count = asked.withLock { count in
          count += 1
          return count
        }
        if count == 4 { workspace.setModel(Self.model, versions: [3: .ready]) }
        return (200, answer)
      }
      let run = await harness.run("apply")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("support-chat: created"))
      let wait = "support-chat: preflight: waiting: main.support.hello version 3 is still being registered"
      #expect(run.notes.contains(wait), "\(run)")
    }
  }

  @Test func `waiting for a registration counts toward the apply's own timeout`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "3"))
      let run = await harness.run("apply", "--timeout", "60s")
      #expect(run.code == 1)
      #expect(
        run.output.contains("support-chat: timed out after 1m00s while waiting to start: nothing was sent: "), "\(run)")
      #expect(run.output.contains("still being registered"))
      let hasty = await harness.run("apply", "--no-wait")
      #expect(hasty.code == 1 && hasty.output.contains(": nothing was sent: "), "\(hasty)")
      #expect(harness.workspace.writes.isEmpty)
    }
  }

  @Test func `a caller without the permission to manage the endpoint is told before any write`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.run("apply").code == 0)
      harness.workspace.forgetCalls()
      harness.answers.add(["permission_level": "CAN_QUERY"], to: "/serving-endpoints/support-chat")
      try harness.write(Manifests.chat(version: "2"))
      let run = await harness.run("apply")
      #expect(run.code == 1)
      #expect(
        run.output.contains("the caller has CAN_QUERY on the endpoint, and a change requires CAN_MANAGE"), "\(run)")
      #expect(harness.workspace.writes.isEmpty)
    }
  }

  @Test func `a rollback that the caller may not make is refused before the present config is held`() async throws {
    try await withBench { harness in
      try await harness.applyTwoVersions()
      harness.workspace.forgetCalls()
      harness.answers.add(["permission_level": "CAN_QUERY"], to: "/serving-endpoints/support-chat")
      let run = await harness.change("rollback")
      #expect(run.code == 1)
      #expect(
        run.output.contains("support-chat: failed: nothing was sent: the caller has CAN_QUERY on the endpoint"),
        "\(run)")
      let json = try JSONValue(parsing: await harness.change("rollback", "-o", "json").output)
      #expect(json["kind"] == "EndpointResult" && json["outcome"] == "failed", "\(json.text())")
      #expect(harness.workspace.writes.isEmpty && !harness.isHeld)
      let forced = await harness.change("rollback", "--no-preflight")
      #expect(forced.code == 0 && harness.live == "1", "\(forced)")
    }
  }

  @Test func `a rollback is sent although the registry does not show the version`() async throws {
    try await withBench { harness in
      try await harness.applyTwoVersions()
      harness.answers.set(Self.version + "1") { _ in
        (404, ["error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model version does not exist"])
      }
      let run = await harness.change("rollback")
      #expect(run.code == 0 && harness.live == "1", "\(run)")
      #expect(run.notes.contains("support-chat: preflight: model-ready: warning: "), "\(run)")
    }
  }

  @Test func `a retry that the checks refuse leaves the hold, and a rule lets it through`() async throws {
    try await withBench { harness in
      try await harness.applyTwoVersions()
      #expect(await harness.change("rollback").code == 0)
      harness.workspace.forgetCalls()
      harness.answers.add(["permission_level": "CAN_QUERY"], to: "/serving-endpoints/support-chat")
      let refused = await harness.change("retry")
      #expect(refused.code == 1 && refused.output.contains("nothing was sent: the caller has CAN_QUERY"), "\(refused)")
      #expect(harness.workspace.writes.isEmpty && harness.isHeld)
      let retried = await harness.change("retry", "--rule", "caller-permission=warn")
      #expect(retried.code == 0 && harness.live == "2", "\(retried)")
      #expect(retried.notes.contains("preflight: caller-permission: warning: "), "\(retried)")
    }
  }

  @Test func `in a workspace, a creator other than the deployer is a warning`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.run("apply").code == 0)
      harness.answers.add(["creator": "gone@example.com"], to: "/serving-endpoints/support-chat")
      harness.answers.set("/scim/v2/Me") { _ in (200, ["userName": "deployer@example.com"]) }
      try harness.write(Manifests.chat(version: "2"))
      #expect(await harness.run("diff", "--preflight", cloud: nil).output.contains("creator-is-deployer") == false)
      let run = await harness.run("apply")
      #expect(run.code == 0, "\(run)")
      #expect(
        run.notes.contains(
          "support-chat: preflight: creator-is-deployer: warning: gone@example.com created the endpoint and "
            + "deployer@example.com deploys it"), "\(run)")
    }
  }

  @Test func `for a new endpoint, a model that the caller may not see is refused`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      harness.answers.set(Self.version + "1") { _ in
        (403, ["error_code": "PERMISSION_DENIED", "message": "User lacks EXECUTE on the model"])
      }
      let run = await harness.run("apply")
      #expect(run.code == 1 && run.output.contains("User lacks EXECUTE on the model"), "\(run)")
      #expect(run.output.contains("USE CATALOG") && harness.workspace.writes.isEmpty)
      // A plane has no such grants.
      let onPlane = await harness.run("apply", cloud: nil)
      #expect(onPlane.code == 1 && !onPlane.output.contains("USE CATALOG"), "\(onPlane)")
      #expect(onPlane.output.contains("setpoint tokens create NAME --can manage"), "\(onPlane)")
      #expect(harness.workspace.writes.isEmpty)
    }
  }

  @Test func `an unreachable registry blocks nothing and is reported with the reason`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      harness.answers.set(Self.version + "1") { _ in (500, ["error_code": "INTERNAL_ERROR", "message": "out of order"])
      }
      let run = await harness.run("apply")
      #expect(run.code == 0, "\(run)")
      #expect(run.notes.contains("support-chat: preflight: model-ready: not checked: out of order"), "\(run)")
    }
  }

  @Test func `the registry's data about a model is checked against the hardware`() async throws {
    try await withBench { harness in
      try harness.write(gpu("T4"))
      harness.answers.add(
        ["tags": [["key": "model_size_bytes", "value": "15200000000"]], "task": "llm/v1/embeddings"],
        to: Self.version + "1")
      let warned = await harness.run("diff", "--preflight")
      #expect(warned.code == 1)
      #expect(
        warned.output.contains(
          "    preflight: weights-fit: warning: the weights of main.support.hello version 1 are 15.2 GB, and 1x T4 "
            + "16 GB has 16 GB: less than 15% is left"), "\(warned)")
      #expect(
        warned.output.contains("entrypoint-task: warning: the task of main.support.hello version 1 is llm/v1/emb"))
      #expect(warned.output.contains("    preflight: model-ready: passed: main.support.hello version 1 can be served"))

      harness.answers.add(
        ["entrypoint": "python -m vllm.entrypoints.openai.api_server --dtype bfloat16 --port 8080"],
        to: Self.version + "1")
      let refused = await harness.run("apply")
      #expect(
        refused.code == 1 && refused.output.contains("sets --dtype bfloat16, which a T4 does not support"), "\(refused)"
      )
      #expect(harness.workspace.writes.isEmpty)
      let forced = await harness.run("apply", "--rule", "bfloat16-on-t4=warn")
      #expect(forced.code == 0 && forced.notes.contains("preflight: bfloat16-on-t4: warning: "), "\(forced)")
    }
  }

  @Test func `JSON output contains the findings for each change`() async throws {
    try await withBench { harness in
      try harness.write(gpu("T4"))
      let plan = try JSONValue(parsing: await harness.run("diff", "--preflight", "-o", "json").output)
      let checks = plan["changes"]?.arrayValue?.first?["preflight"]?.arrayValue ?? []
      let outcomes = Dictionary(
        checks.map { ($0["check"]?.stringValue ?? "", $0["outcome"]?.stringValue ?? "") }, uniquingKeysWith: { $1 })
      #expect(
        outcomes == ["name-free": "passed", "model-ready": "passed", "weights-fit": "not known"], "\(plan.text())")
    }
  }

  @Test func `a version that is already running is not checked again`() async throws {
    try await withBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.run("apply").code == 0)
      harness.workspace.forgetCalls()
      try harness.write(Manifests.chat(version: "1", more: "  environment: {LEVEL: debug}"))
      #expect(await harness.run("apply").code == 0)
      #expect(!harness.workspace.calls.contains { $0.path.contains("/versions/") }, "\(harness.workspace.calls)")
    }
  }
}
