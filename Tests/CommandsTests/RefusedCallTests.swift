import ServingAPI
import Synchronization
import TestKit
import Testing

/// What commands report of calls that the provider did not accept, and of endpoints that were deleted.
@Suite struct RefusedCallTests {
  private static let refusal = "There is no secret llm/hf yet; try again later: temporarily unavailable"

  @Test func `interrupted while a refused call is retried, apply says that nothing is in progress`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(.refused(message: Self.refusal), model: "main.support.hello", version: "4")
      try harness.write(Manifests.chat(version: "4"))
      let run = await interruptedApply(harness)
      #expect(run.code == 130, "\(run)")
      #expect(
        run.output.contains(": interrupted: nothing is in progress; the last POST was refused: There is no secret"),
        "\(run)")
      #expect(run.output.contains("next: run the same command to retry"), "\(run)")
      let history = await harness.run("history", "support-chat").output
      #expect(history.contains("not accepted: There is no secret") && !history.contains("in progress"), "\(history)")
    }
  }

  /// Applies the manifest, and interrupts the command when it first waits.
  private func interruptedApply(
    _ harness: ApplyHarness, environment: [String: String] = CommandRun.environment
  ) async -> CommandRun {
    let isWaiting = Mutex(false)
    var timing = harness.workspace.timing.timing
    timing.sleep = { _ in
      isWaiting.withLock { $0 = true }
      _ = await CommandRun.never()
      try Task.checkCancellation()
    }
    return await CommandRun(
      ["apply", "-f", harness.manifest, "--state", "\(harness.directory)/state"], environment: environment,
      workspace: harness.workspace, timing: harness.workspace.timing, followed: timing,
      interruption: {
        while !isWaiting.withLock({ $0 }) { await Task.yield() }
        return true
      })
  }

  @Test func `interrupted while a config waits for the write budget, apply says that it was not sent`() async throws {
    try await withApplyBench { harness in
      var environment = CommandRun.environment
      environment["SETPOINT_WRITE_BUDGET"] = "1/1h"
      try harness.write(Manifests.chat(version: "1"))
      let first = await CommandRun(
        ["apply", "-f", harness.manifest, "--state", "\(harness.directory)/state"], environment: environment,
        workspace: harness.workspace, timing: harness.workspace.timing)
      #expect(first.code == 0, "\(first)")
      harness.workspace.forgetCalls()
      try harness.write(Manifests.chat(version: "2", more: "  deletionPolicy: Retain"))
      let run = await interruptedApply(harness, environment: environment)
      #expect(run.code == 130, "\(run)")
      #expect(harness.workspace.writes.map(\.method) == ["PATCH"])
      #expect(run.output.contains(": interrupted: the update to revision 2 was recorded but not sent"), "\(run)")
    }
  }

  @Test func `a config that a failing server may have accepted is not reported as refused`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      harness.workspace.fail("PUT", path: "/config", times: 1000, with: .unavailable)
      try harness.write(Manifests.chat(version: "2"))
      let run = await harness.apply("--timeout", "30s")
      #expect(run.code == 1, "\(run)")
      #expect(run.output.contains("the call may have been accepted and may continue at the provider"), "\(run)")
      #expect(!run.output.contains("nothing is in progress"), "\(run)")
      let history = await harness.run("history", "support-chat").output
      #expect(history.contains("not confirmed: ") && !history.contains("not accepted"), "\(history)")
      let described = await harness.run("describe", "support-chat").output
      #expect(described.contains("In progress") && described.contains("not confirmed by the provider: "))
    }
  }

  @Test func `if a later step of a rollout is refused, the step that is live is reported`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let configs = Mutex(0)
      harness.workspace.setPlan { _, call in
        guard call.method == "PUT", call.path.hasSuffix("/config") else { return nil }
        let number = configs.withLock { count in
          count += 1
          return count
        }
        return number > 1 ? .throttled(seconds: 10) : nil
      }
      try harness.write(Manifests.chat(version: "2", more: "  rollout:\n    steps:\n      - traffic: 10"))
      let run = await harness.apply("--timeout", "2m")
      #expect(run.code == 1, "\(run)")
      #expect(
        run.output.contains("next: an earlier step is live: the new version has 10% of the traffic; "), "\(run)")
      #expect(!run.output.contains("nothing is in progress"), "\(run)")
      let described = await harness.run("describe", "support-chat").output
      #expect(described.contains("In progress") && described.contains("its next step was refused: "), "\(described)")
    }
  }

  @Test func `after a refused call, another manifest is planned as what it is`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(.refused(message: Self.refusal), model: "main.support.hello", version: "4")
      try harness.write(Manifests.chat(version: "4"))
      #expect(await harness.apply("--no-wait").code == 1)
      try harness.write(Manifests.chat(version: "1"))
      let planned = await harness.diff()
      #expect(planned.output.contains("+ support-chat: create (does not exist)"), "\(planned)")
      #expect(planned.output.contains("calls: POST /api/2.0/serving-endpoints"), "\(planned)")
      #expect(await harness.apply().code == 0)
      let events = await harness.run("history", "support-chat", "--events").output
      #expect(events.contains("revision 1 was given up after it was refused once"), "\(events)")
      #expect(events.contains("the manifest changed"), "\(events)")
    }
  }

  @Test func `an endpoint that is deleted while it is created is planned as a create, at once`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(.hangs, model: "main.support.hello", version: "5")
      try harness.write(Manifests.chat(version: "5"))
      #expect(await harness.apply("--no-wait").code == 0)
      #expect(await harness.run("delete", "support-chat").code == 0)
      let planned = await harness.diff()
      #expect(planned.output.contains("+ support-chat: create (does not exist)"), "\(planned)")
      #expect(planned.output.contains("calls: POST ") && !planned.output.contains("sent: "), "\(planned)")
    }
  }

  @Test func `an endpoint that is blocked does not repeat the reason of an earlier hold`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat(version: "3"))
      #expect(await harness.apply().code == 1)
      try harness.write(Manifests.chat(version: "9"))
      let planned = await harness.diff()
      #expect(planned.output.contains("has no version 9"), "\(planned)")
      #expect(!planned.output.contains("why:") && !planned.output.contains("incomplete metadata"), "\(planned)")
    }
  }

  @Test func `a version that was live and fails its verification is reported as rolled back and held`() async throws {
    try await withApplyBench { harness in
      let checks = "  rollout:\n    verify:\n      - chat: \"Say hello.\"\n        expect: {contains: Hello}"
      try harness.write(Manifests.chat(version: "1", more: checks))
      #expect(await harness.apply().code == 0)
      harness.workspace.setAnswer("Nothing", model: "main.support.hello", version: "2")
      try harness.write(Manifests.chat(version: "2", more: checks))
      let run = await harness.apply()
      #expect(run.code == 1, "\(run)")
      #expect(
        run.output.contains("support-chat: rolled back to revision 1: this config failed its verification"), "\(run)")
      #expect(run.output.contains("1 rolled back and held, 0 unchanged."), "\(run)")
    }
  }

  @Test func `a manifest with an earlier config is an update in the plan, in the progress and in the result`()
    async throws
  {
    try await withApplyBench { harness in
      for version in ["1", "2"] {
        try harness.write(Manifests.chat(version: version))
        #expect(await harness.apply().code == 0)
      }
      try harness.write(Manifests.chat(version: "1"))
      let run = await harness.apply()
      #expect(run.notes.contains("~ support-chat: update (earlier config)"), "\(run)")
      #expect(run.notes.contains("the manifest has the config of revision 1; revision 2 is live"), "\(run)")
      #expect(run.notes.contains("1 to update, 0 unchanged."), "\(run)")
      #expect(run.output.hasPrefix("support-chat: updated"), "\(run)")
      #expect(!(run.notes + run.output).contains("back"), "\(run)")
    }
  }

  @Test func `a held endpoint's reason is printed once if plan and result are read together`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "3"))
      #expect(await harness.apply().code == 1)
      let run = await CommandRun(
        ["apply", "-f", harness.manifest, "--state", "\(harness.directory)/state"], workspace: harness.workspace,
        timing: harness.workspace.timing, isOneStream: true)
      #expect(run.code == 1, "\(run)")
      #expect(run.notes.contains("incomplete metadata"), "\(run)")
      #expect(run.output == "support-chat: hold (quarantined)\n1 held, 0 unchanged.\n", "\(run)")
    }
  }
}
