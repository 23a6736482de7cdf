import CanonicalJSON
import Commands
import Endpoints
import FoundationEssentials
import ServingAPI
import Synchronization
import TestKit
import Testing

/// diff and apply against a workspace in memory, each command with the test's state directory.
@Suite struct ApplyTests {
  @Test func `a missing endpoint is created, and a second apply has nothing to do`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      let planned = await harness.diff()
      #expect(planned.code == 1, "\(planned)")
      #expect(planned.output.contains("+ support-chat: create (does not exist)"))
      #expect(planned.output.hasSuffix("1 to create, 0 unchanged.\n"))
      #expect(harness.workspace.writes.isEmpty)

      let applied = await harness.apply()
      #expect(applied.code == 0, "\(applied)")
      #expect(applied.lines == ["support-chat: created (1s)", "1 created, 0 unchanged."])
      #expect(applied.notes.contains("support-chat: creating: POST /api/2.0/serving-endpoints\n"))

      harness.workspace.forgetCalls()
      let again = await harness.apply()
      #expect(again.code == 0, "\(again)")
      #expect(again.output == "No changes: 1 endpoint is in sync.\n")
      let empty = await harness.diff()
      #expect(empty.code == 0)
      #expect(empty.output == "No changes: 1 endpoint is in sync.\n")
      #expect(harness.workspace.writes.isEmpty)
    }
  }

  @Test func `a version that fails is rolled back and held, and an edit lifts the hold`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat(version: "3"))
      let failed = await harness.apply()
      #expect(failed.code == 1, "\(failed)")
      #expect(failed.output.contains("support-chat: hold (quarantined)"))
      #expect(failed.output.contains("incomplete metadata"), "the provider's words are passed on")
      #expect(failed.output.contains("setpoint retry support-chat"))

      harness.workspace.forgetCalls()
      let held = await harness.diff()
      #expect(held.code == 1)
      #expect(held.output.contains("! support-chat: hold (quarantined)"), "\(held)")
      let again = await harness.apply()
      #expect(again.code == 1)
      #expect(again.output.contains("quarantined"))
      #expect(harness.workspace.writes.isEmpty)

      let described = await harness.run("describe", "support-chat")
      #expect(described.code == 0, "\(described)")
      #expect(described.output.contains("incomplete metadata"))
      #expect(described.output.contains("is not sent: its update failed"))

      let listed = await harness.run("history", "support-chat")
      #expect(listed.code == 0)
      let revisions = listed.lines.dropFirst().map { $0.split(separator: " ").prefix(4).map { String($0) } }
      #expect(
        revisions.map { [$0[0], $0[1], $0[3]] } == [
          ["1", "main.support.hello/1", "good"], ["2", "main.support.hello/3", "failed"],
        ])

      try harness.write(Manifests.chat(version: "2"))
      let edited = await harness.apply()
      #expect(edited.code == 0, "\(edited)")
      #expect(await harness.diff().code == 0)
    }
  }

  @Test func `a failed update that is no longer wanted is not part of the endpoint's state`() async throws {
    try await withApplyBench { harness in
      for version in ["1", "3"] {
        try harness.write(Manifests.chat(version: version))
        _ = await harness.apply()
      }
      #expect(await harness.run("get").output.contains("Ready, update failed"))
      let described = await harness.run("describe", "support-chat")
      #expect(described.output.contains("State:     Ready, update failed\n"), "\(described)")
      #expect(described.output.contains("Failed config, config version "), "\(described)")
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      // The provider still reports UPDATE_FAILED.
      let reverted = await harness.run("get")
      #expect(reverted.output.contains("Ready") && !reverted.output.contains("update failed"), "\(reverted)")
      let state = await harness.run("describe", "support-chat")
      #expect(state.output.contains("State:     Ready\n"), "\(state)")
      let json = await harness.run("get", "support-chat", "-o", "json")
      #expect(json.output.contains("UPDATE_FAILED"), "\(json)")
    }
  }

  @Test func `the next apply respects a rollback`() async throws {
    try await withApplyBench { harness in
      for version in ["1", "2"] {
        try harness.write(Manifests.chat(version: version))
        #expect(await harness.apply().code == 0)
      }
      let planned = await harness.run("rollback", "support-chat", "--dry-run")
      #expect(planned.code == 0, "\(planned)")
      #expect(planned.output.contains("< support-chat: rollback (requested)"), "\(planned)")
      #expect(planned.output.contains("spec.entityVersion  2 → 1"), "\(planned)")
      #expect(harness.workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion == "2")
      let rolledBack = await harness.run("rollback", "support-chat")
      #expect(rolledBack.notes.contains("spec.entityVersion  2 → 1"), "the plan comes first")
      #expect(rolledBack.code == 0, "\(rolledBack)")
      #expect(rolledBack.output.hasPrefix("support-chat: rolled back"))
      #expect(harness.workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion == "1")
      let applied = await harness.apply()
      #expect(applied.output.contains("hold (rolled back)"), "\(applied)")
      #expect(await harness.diff().code == 1, "the manifest differs from the user's decision")

      let retried = await harness.run("retry", "support-chat")
      #expect(retried.code == 0, "\(retried)")
      #expect(harness.workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion == "2")
      let story = await harness.run("history", "support-chat", "--events").output
      #expect(story.contains("a rollback was requested"))
      #expect(story.contains("a retry was requested"))
      #expect(retried.notes.contains("spec.entityVersion  1 → 2"), "the plan comes first")
      let again = await harness.run("retry", "support-chat")
      #expect(again.code == 1, "\(again)")
      #expect(again.notes.contains("support-chat is not held"), "\(again)")
      let refused = await harness.run("rollback", "support-chat", "--to", "9")
      #expect(refused.code == 1)
      #expect(refused.notes.contains("has no revision 9; it has 1, 2"), "\(refused)")
      #expect(refused.notes.contains("next:  \"setpoint history support-chat --state "), "\(refused)")
    }
  }

  @Test func `an endpoint outside the fleet is left alone until it is adopted`() async throws {
    try await withApplyBench { harness in
      try await harness.workspace.serve("support-chat", version: "1")
      try harness.write(Manifests.chat(version: "2"))
      let refused = await harness.apply()
      #expect(refused.code == 1)
      #expect(refused.output.contains("hold (conflict)"), "\(refused)")
      #expect(refused.output.contains("--adopt"))
      #expect(harness.workspace.writes.isEmpty)
      let adopted = await harness.apply("--adopt")
      #expect(adopted.code == 0, "\(adopted)")
      #expect(harness.workspace.endpoint("support-chat")?.tags["setpoint-fleet"] == "default")
      #expect(await harness.diff().code == 0)
    }
  }

  @Test func `a call that the provider refused leaves no attempt in progress`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(
        .refused(message: "There is no secret llm/hf yet; try again later: temporarily unavailable"),
        model: "main.support.hello", version: "4")
      try harness.write(Manifests.chat(version: "4"))
      let run = await harness.apply("--no-wait")
      #expect(run.code == 1, "\(run)")
      #expect(run.output.contains("support-chat: failed: ") && !run.output.contains("chat: in progress"), "\(run)")
      #expect(run.output.contains("(create the secret)") && !run.output.contains("retried automatically"), "\(run)")
      let late = await harness.apply("--timeout", "30s")
      let words = "support-chat: timed out after 30s while waiting to retry: the provider's last response was: "
      #expect(late.code == 1 && late.output.contains(words + "There is no secret llm/hf yet"), "\(late)")
      #expect(late.output.contains("next: nothing is in progress; "), "\(late)")
    }
  }

  @Test func `without waiting, apply returns once everything is sent`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(.hangs, model: "main.support.hello", version: "5")
      try harness.write(Manifests.chat(version: "5"))
      let run = await harness.apply("--no-wait")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.contains("support-chat: in progress"))
      #expect(run.output.contains("    next: \"setpoint apply -f \(harness.manifest) --state "), "\(run)")
      #expect(run.output.contains("\" waits for it and records the result, unless a controller does\n"), "\(run)")
      let late = await harness.apply("--timeout", "30s")
      #expect(late.code == 1)
      #expect(late.output.contains("support-chat: timed out after 30s while "), "\(late)")
      #expect(late.output.contains(": still in progress at the provider"), "\(late)")
      #expect(late.output.contains("1 timed out, 0 unchanged."), "\(late)")
      let document = try JSONValue(parsing: await harness.apply("--timeout", "30s", "-o", "json").output)
      #expect(document["results"]?.arrayValue?.first?["outcome"] == "timed out")
    }
  }

  @Test(arguments: [("1", "became good"), ("3", "failed")])
  func `after apply --no-wait, only the next apply records the result, and describe says so until then`(
    version: String, recorded: String
  ) async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: version))
      #expect(await harness.apply("--no-wait").code == 0)
      _ = await harness.run("wait", "support-chat")
      let described = await harness.run("describe", "support-chat")
      #expect(described.lines.contains("Not recorded yet"), "\(described)")
      let command = "\"setpoint apply -f FILE --state \(harness.directory)/state\""
      #expect(described.output.contains("  the provider has finished; \(command) or a controller "), "\(described)")
      let before = await harness.run("history", "support-chat", "--events")
      #expect(before.output.contains("in progress") && !before.output.contains("revision 1 \(recorded)"), "\(before)")
      _ = await harness.apply()
      let after = await harness.run("history", "support-chat", "--events")
      #expect(after.output.contains("revision 1 \(recorded)"), "\(after)")
      let settled = await harness.run("describe", "support-chat")
      #expect(!settled.output.contains("Not recorded yet"), "\(settled)")
    }
  }

  @Test func `a rollback during an update shows what is sent when the update ends, and later applies keep it`()
    async throws
  {
    try await withApplyBench { harness in
      for version in ["1", "2"] {
        try harness.write(Manifests.chat(version: version))
        #expect(await harness.apply().code == 0)
      }
      harness.workspace.setBehavior(.hangs, model: "main.support.hello", version: "5")
      try harness.write(Manifests.chat(version: "5"))
      #expect(await harness.apply("--no-wait").code == 0)
      let updating = await harness.diff()
      #expect(updating.output.contains("sent: PUT /api/2.0/serving-endpoints/support-chat/config for revision 3, at "))
      #expect(updating.output.contains("next: wait until revision 3 is ready, then record it as good"), "\(updating)")
      let back = await harness.run("rollback", "support-chat", "--to", "1", "--no-wait")
      #expect(back.notes.contains("< support-chat: rollback (requested)"), "\(back)")
      #expect(back.notes.contains("revision 1 is sent when the update to config version "), "\(back)")
      #expect(back.output.contains("    next: the config is not sent yet: the next apply or a controller "), "\(back)")
      #expect(back.notes.contains("spec.entityVersion  2 → 1"), "\(back)")
      #expect(back.notes.contains("calls: PUT /api/2.0/serving-endpoints/support-chat/config"), "\(back)")
      let planned = await harness.diff()
      #expect(planned.output.contains("< support-chat: rollback (requested)"), "the manifest does not lift the hold")
      #expect(planned.output.contains("next: wait until the update ends, then send the next config"), "\(planned)")
      let late = await harness.apply("--timeout", "30s")
      #expect(late.output.contains("timed out after 30s while updating"), "\(late)")
    }
  }

  @Test(arguments: [
    ("setting up\nthe last of it\n", "support-chat: hold (quarantined)", true),
    ("vllm serve: error: unrecognized arguments: --tensor\n", "its log: vllm serve: error: unrecognized", false),
  ])
  func `a failure is reported with the last lines of the logs, unless the reason quotes them`(
    build: String, words: String, isWhole: Bool
  ) async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let workspace = harness.workspace
      workspace.setBehavior(
        .fails(polls: 60, message: "the container is not healthy"), model: "main.support.hello", version: "2")
      workspace.setLogs(server: "", build: build, model: "main.support.hello", version: "2")
      try harness.write(Manifests.chat(version: "2"))
      let run = await harness.apply()
      #expect(run.code == 1)
      #expect(run.output.contains(words), "\(run)")
      let title = "hello-2, build log"
      #expect(run.output.contains("\(title), the last lines:") == isWhole, "\(run)")
      #expect(run.output.contains("\"setpoint describe support-chat --state ") == !isWhole)
      #expect(run.output.contains("\" shows the end of its logs") == !isWhole)
      let last = build.split(separator: "\n").last ?? ""
      let described = await harness.run("describe", "support-chat")
      #expect(described.lines.contains("  \(last)"), "\(described)")
      let events = await harness.run("history", "support-chat", "--events")
      #expect(events.output.contains("last lines of \(title)"), "\(events)")
      // Once another config serves well, the earlier failure belongs to the history.
      try harness.write(Manifests.chat(version: "4"))
      #expect(await harness.apply().code == 0)
      let well = await harness.run("describe", "support-chat")
      #expect(!well.output.contains("Log: last lines of") && !well.lines.contains("  \(last)"), "\(well)")
      #expect(await harness.run("history", "support-chat", "--events").output.contains("last lines of \(title)"))
    }
  }

  @Test func `an interrupted apply says what is in flight, and the next run continues`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setBehavior(.hangs, model: "main.support.hello", version: "5")
      try harness.write(Manifests.chat(version: "5"))
      let workspace = harness.workspace
      // The user interrupts once the create is sent. The test's clock does not pause, so waiting for that means
      // checking the calls between yields.
      let run = await CommandRun(
        ["apply", "-f", harness.manifest, "--state", "\(harness.directory)/state", "--timeout", "100000h"],
        workspace: workspace, timing: workspace.timing,
        interruption: {
          while workspace.writes.isEmpty { await Task.yield() }
          return true
        })
      #expect(run.code == 130, "\(run)")
      #expect(run.output.contains("support-chat: interrupted: the creation with revision 1 was sent"))
      #expect(run.output.contains("next: run the same command to resume"))
      workspace.setBehavior(.ready(), model: "main.support.hello", version: "5")
      workspace.forgetCalls()
      let next = await harness.diff()
      #expect(next.code == 1)
      // The test's clock runs while apply waits, past the deadline if the interrupt comes late.
      let phases = ["updating", "starting up", "overdue"]
      #expect(phases.contains { next.output.contains($0) }, "\(next)")
      #expect(workspace.writes.isEmpty)
    }
  }
}
