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

  @Test func `an invalid manifest changes nothing, and the exit code is the command's own for errors`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1").replacing("size:", with: "siz:"))
      let (unchanged, unplanned) = ("nothing was changed", "no plan was created")
      for (run, code, words) in [
        (await harness.apply(), 1, unchanged), (await harness.diff(), 2, unplanned),
        (await harness.diff("--detailed-exitcode"), 1, unplanned),
      ] {
        #expect(run.code == code, "\(run)")
        #expect(run.notes.contains("; \(words)\n"), "\(run)")
        #expect(run.notes.contains("\(harness.manifest):9:3: error: spec.siz"))
        #expect(run.output == "")
      }
      #expect(harness.workspace.calls.isEmpty)
    }
  }

  @Test func `diff reports errors and changes in its exit code as terraform does, when asked to`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.diff("--detailed-exitcode").code == 2)
      harness.workspace.fail("GET", with: .answer(status: 500, errorCode: "INTERNAL_ERROR", message: "boom"))
      let failed = await harness.diff("--detailed-exitcode")
      #expect(failed.code == 1, "\(failed)")
      #expect(failed.notes.contains("boom"))
      #expect(await harness.run("diff").code == 2, "a usage error of diff is not a change")
    }
  }

  @Test func `an endpoint that cannot be read makes the plan an error, not an empty one`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      harness.workspace.fail(
        "GET", path: "/support-chat", with: .answer(status: 403, errorCode: "PERMISSION_DENIED", message: "not you"))
      let run = await harness.diff()
      #expect(run.code == 2, "\(run)")
      #expect(
        run.output.contains("not you") && run.notes.contains("reason for each: support-chat"), "\(run)")
    }
  }

  @Test func `json output is one object and contains only machine-readable terms`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      let plan = try JSONValue(parsing: await harness.diff("-o", "json").output)
      #expect(plan["kind"] == "Plan")
      #expect(plan["target"] == "https://workspace.example.com")
      #expect(plan["summary"]?["create"] == 1)
      #expect(plan["changes"]?.arrayValue?.first?["action"] == "create")
      let applied = await harness.apply("-o", "json")
      let result = try JSONValue(parsing: applied.output)
      #expect(result["succeeded"] == true)
      #expect(result["results"]?.arrayValue?.first?["outcome"] == "created")
      #expect(result["results"]?.arrayValue?.first?["calls"] == ["POST /api/2.0/serving-endpoints"])
    }
  }

  @Test func `a dry run shows the plan and sends nothing`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      let run = await harness.apply("--dry-run")
      #expect(run.code == 0)
      #expect(run.output.contains("create"))
      #expect(harness.workspace.writes.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: "\(harness.directory)/state"))
    }
  }

  @Test func `a saved plan is executed once`() async throws {
    try await withApplyBench { harness in
      let secret = "  environment: {PASSWORD: hunter2-hunter2}"
      try harness.write(Manifests.chat(version: "1", more: secret))
      let plan = "\(harness.directory)/plan.json"
      #expect(await harness.diff("--out", plan).code == 1)
      let text = String(decoding: try Data(contentsOf: URL(filePath: plan)), as: UTF8.self)
      #expect(!text.contains("hunter2"))

      let without = await harness.run("apply", "--plan", plan)
      #expect(without.code == 1)
      #expect(without.notes.contains("PASSWORD"), "\(without)")
      let applied = await harness.run("apply", "--plan", plan, "-f", harness.manifest)
      #expect(applied.code == 0, "\(applied)")
      #expect(applied.notes.contains("is applied as saved; -f only supplies environment values"), "\(applied)")
      #expect(await harness.diff().code == 0)
      let refused = await harness.run("apply", "--plan", plan, "-f", harness.manifest)
      #expect(refused.code == 1)
      #expect(refused.notes.contains("live state has changed since it was created"), "\(refused)")
      #expect(refused.notes.contains("support-chat now exists"))
      #expect(refused.notes.contains("\"setpoint diff -f \(harness.manifest) --out \(plan) --state "), "\(refused)")
    }
  }

  @Test func `an endpoint without a manifest is deleted only with pruning`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1") + "---\n" + Manifests.chat("other", version: "2"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat(version: "1"))
      let unpruned = await harness.diff()
      #expect(unpruned.code == 0)
      let left = "not in these manifests, and not changed: other; --prune deletes it\n"
      #expect(unpruned.output.hasSuffix("No changes: 1 endpoint is in sync.\n\(left)"), "\(unpruned)")
      #expect(await harness.apply().notes.contains(left))
      let planned = await harness.diff("--prune")
      #expect(!planned.output.contains("not in these manifests"), "\(planned)")
      #expect(planned.code == 1)
      #expect(planned.output.contains("- other: delete (manifest removed)"), "\(planned)")
      let pruned = await harness.apply("--prune")
      #expect(pruned.code == 0, "\(pruned)")
      #expect(harness.workspace.endpoint("other") == nil)
      #expect(harness.workspace.endpoint("support-chat") != nil)
    }
  }

  @Test(arguments: ["# all moved elsewhere\n", "---\n", "null\n"])
  func `manifests that describe no endpoints delete nothing`(text: String) async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      harness.workspace.forgetCalls()
      try harness.write(text)
      for run in [await harness.apply("--prune"), await harness.apply("--prune", "--allow-mass-delete")] {
        #expect(run.code == 1 && run.notes.contains("contain no endpoints"), "\(run)")
      }
      #expect(await harness.diff("--prune").code == 2)
      #expect(harness.workspace.writes.isEmpty)
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
      #expect(!run.output.contains("will be retried"), "\(run)")
      let late = await harness.apply("--timeout", "30s")
      let words = "support-chat: timed out after 30s while waiting to retry: the provider's last response was: "
      #expect(late.code == 1 && late.output.contains(words + "There is no secret llm/hf yet"), "\(late)")
      #expect(late.output.contains("next: nothing is in progress; "), "\(late)")
    }
  }

  @Test func `more than a fifth of a fleet is deleted only if the command allows it`() async throws {
    try await withApplyBench { harness in
      let names = ["a", "b", "c"]
      try harness.write(names.map { Manifests.chat($0, version: "1") }.joined(separator: "---\n"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat("a", version: "2"))
      let refused = await harness.apply("--prune")
      #expect(refused.code == 1, "\(refused)")
      #expect(refused.output.contains("--allow-mass-delete"))
      #expect(names.allSatisfy { harness.workspace.endpoint($0) != nil })
      #expect(harness.workspace.endpoint("a")?.active?.config.entities.first?.entityVersion == "2", "the rest applies")
      #expect(await harness.apply("--prune", "--allow-mass-delete").code == 0)
      #expect(harness.workspace.endpoint("b") == nil)
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

  @Test func `an alias that is not set is an error that names its location`() async throws {
    try await withApplyBench { harness in
      harness.workspace.setModel("main.support.hello", versions: [1: .ready], aliases: ["champion": 1])
      try harness.write(Manifests.chat(version: "@champoin"))
      let run = await harness.diff()
      #expect(run.code == 2, "\(run)")
      #expect((run.output + run.notes).contains("@champion"))
      try harness.write(Manifests.chat(version: "@champion"))
      #expect(await harness.apply().code == 0)
      #expect(harness.workspace.endpoint("support-chat")?.active?.config.entities.first?.entityVersion == "1")
    }
  }

  @Test(arguments: [["diff"], ["diff", "-o", "json"], ["apply"], ["apply", "--dry-run"]])
  func `no environment value that may be a secret is printed`(command: [String]) async throws {
    try await withApplyBench { harness in
      let more = """
          environment:
            PASSWORD: hunter2-hunter2
            apiKeys: hunter2
            OTHER: hunter2hunter2
            STORAGE: AccountName=a;AccountKey=hunter2
            PROXY: http://me:hunter2@proxy.example.com
        """
      try harness.write(Manifests.chat(version: "1", more: more))
      let run = await CommandRun(
        command + ["-f", harness.manifest, "--state", "\(harness.directory)/state"], workspace: harness.workspace,
        timing: harness.workspace.timing)
      #expect(!(run.output + run.notes).contains("hunter2"), "\(run)")
      #expect((run.output + run.notes).contains("spec.environment.OTHER"), "\(run)")
    }
  }
}
