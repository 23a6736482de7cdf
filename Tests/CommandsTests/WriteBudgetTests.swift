import Commands
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

@Suite struct WriteBudgetTests {
  @Test func `120 endpoints are created and updated within the write budget, and progress says what they wait for`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      var behaviors = WorkspaceBehaviors()
      behaviors.writeLimit = WriteLimit(10, per: .seconds(5))
      let workspace = WorkspaceDouble(behaviors: behaviors)
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
      func apply(version: String) async throws -> CommandRun {
        let texts = (0..<120).map { Manifests.chat("chat-\($0)", version: version) }
        let path = "\(directory)/fleet.yaml"
        try Data(texts.joined(separator: "\n---\n").utf8).write(to: URL(filePath: path))
        var environment = CommandRun.environment
        environment["SETPOINT_WRITE_BUDGET"] = "10/5s"
        return await CommandRun(
          ["apply", "-f", path, "--state", "\(directory)/state"], environment: environment, workspace: workspace,
          timing: workspace.timing, followed: Self.yielding(workspace.timing.timing))
      }
      for (version, method) in [("1", "POST"), ("2", "PUT")] {
        workspace.forgetCalls()
        // The whole budget is available again.
        workspace.timing.advance(by: .seconds(5))
        let run = try await apply(version: version)
        #expect(run.code == 0, "\(run)")
        #expect(run.notes.contains("waiting for the workspace's write budget (10 per 5s)"))
        #expect(workspace.writes.count { $0.method == method } == 120, "a 429 would have been retried")
        #expect(!run.notes.contains("429") && !run.notes.contains("will be retried"))
      }
    }
  }

  /// Waits that take no time still let calls in flight continue.
  private static func yielding(_ timing: Timing) -> Timing {
    Timing(
      elapsed: timing.elapsed, secondsSince1970: timing.secondsSince1970,
      sleep: { pause in
        try await timing.sleep(pause)
        await Task.yield()
      }, jitter: timing.jitter)
  }

  @Test func `an invalid budget is refused, and nothing is sent`() async throws {
    try await withTemporaryDirectory { directory in
      var environment = CommandRun.environment
      environment["SETPOINT_WRITE_BUDGET"] = "many"
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      let run = await CommandRun(
        ["apply", "-f", "-", "--state", "\(directory)/state"], environment: environment,
        input: Manifests.chat(version: "1"), workspace: workspace, timing: workspace.timing)
      #expect(run.code == 1)
      #expect(run.notes.contains("SETPOINT_WRITE_BUDGET is \"many\", which is not a valid budget"), "\(run)")
      #expect(workspace.writes.isEmpty)
    }
  }
}
