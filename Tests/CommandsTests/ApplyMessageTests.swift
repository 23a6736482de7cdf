import CanonicalJSON
import Commands
import ServingAPI
import TestKit
import Testing

/// How a command reports what it did, and why.
@Suite struct ApplyMessageTests {
  @Test func `a return to a newer revision is reported as a restore, and a retry as a retry`() async throws {
    try await withApplyBench { harness in
      for version in ["1", "2", "4"] {
        try harness.write(Manifests.chat(version: version))
        #expect(await harness.apply().code == 0)
      }
      let back = await harness.run("rollback", "support-chat", "--to", "1")
      #expect(back.output.hasPrefix("support-chat: rolled back to revision 1"), "\(back)")
      #expect(back.notes.contains("support-chat: rolling back to revision 1: PUT "), "\(back)")
      #expect(!back.notes.contains("hold (rolled back)"), "\(back)")
      let onward = await harness.run("rollback", "support-chat", "--to", "2")
      #expect(onward.code == 0)
      #expect(
        onward.output.hasPrefix("support-chat: restored revision 2")
          && onward.output.contains(": a user chose revision 2; the manifest's config is held until "),
        "\(onward)"
      )
      #expect(onward.notes.contains("support-chat: restoring revision 2: PUT "), "\(onward)")
      #expect(!(onward.output + onward.notes).contains("rolled back"), "\(onward)")
      let held = await harness.run("rollback", "support-chat", "--to", "3")
      #expect(held.code == 1)
      #expect(held.notes.contains("revision 3 of support-chat is held"), "\(held)")
      #expect(held.notes.contains("\"setpoint retry support-chat --state "), "\(held)")
      let story = await harness.run("history", "support-chat", "--events").output
      #expect(story.contains("rolling back to revision 1 ") && story.contains("restoring revision 2 "), "\(story)")
      #expect(story.contains("because a user chose it instead of revision 3"), "\(story)")
      #expect(story.contains("a newer revision was requested"), "\(story)")

      let retried = await harness.run("retry", "support-chat")
      #expect(retried.code == 0 && retried.output.hasPrefix("support-chat: retried"), "\(retried)")
      #expect(
        retried.notes.contains("~ support-chat: update (requested)\n    the hold is lifted"), "\(retried)")
      #expect(retried.notes.ranges(of: "hold is lifted").count == 1, "\(retried)")
      #expect(!(retried.output + retried.notes).contains("back"), "\(retried)")
      #expect(await harness.run("rollback", "support-chat", "--to", "1").code == 0)
      let document = try JSONValue(
        parsing: await harness.run("rollback", "support-chat", "--to", "2", "-o", "json").output)
      #expect(document["outcome"] == "restored" && document["succeeded"] == true)
      #expect(
        try JSONValue(parsing: await harness.run("retry", "support-chat", "-o", "json").output)["outcome"] == "retried")
    }
  }

  @Test func `a create names the earlier failure of its config, and deleting the endpoint by hand allows a retry`()
    async throws
  {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "3"))
      #expect(await harness.apply().code == 1)
      #expect(await harness.diff().output.contains("hold (quarantined)"))
      try await harness.workspace.provider.delete("support-chat")
      let planned = await harness.diff()
      #expect(planned.code == 1 && planned.output.contains("+ support-chat: create (does not exist)"), "\(planned)")
      let plan = try JSONValue(parsing: await harness.diff("-o", "json").output)
      let detail = plan["changes"]?.arrayValue?.first?["detail"]?.stringValue ?? ""
      for text in [planned.output, detail] {
        #expect(text.contains("this config failed as revision 1, recorded 20") && text.contains("incomplete metadata"))
        #expect(text.contains("; it is retried because the endpoint was deleted"), "\(text)")
      }
      try harness.write(Manifests.chat(version: "1"))
      #expect(!(await harness.diff().output.contains("failed")), "another config has not failed")
    }
  }

  @Test(arguments: [true, false])
  func `the outcome is printed once if both streams go to the same place`(isLive: Bool) async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      harness.workspace.setBehavior(.ready(polls: 3), model: "main.support.hello", version: "1")
      let run = await CommandRun(
        ["apply", "-f", harness.manifest, "--state", "\(harness.directory)/state"], workspace: harness.workspace,
        timing: harness.workspace.timing, isOutputTerminal: isLive, isLive: isLive, isOneStream: true)
      #expect(run.code == 0)
      let ends = try #require(run.lines.first)
      #expect(ends.hasPrefix("support-chat: created (") && ends.hasSuffix("s)"), "\(run)")
      #expect(!run.notes.contains("support-chat: created"), "\(run)")
      if isLive {
        #expect(run.notes.hasSuffix("\u{1B}[1F\u{1B}[J"), "the line is removed from the terminal")
      } else {
        #expect(run.notes.contains("support-chat: creating: POST"))
      }
      try harness.write(Manifests.chat(version: "2"))
      let apart = await harness.apply()
      #expect(
        apart.output.hasPrefix("support-chat: updated") && apart.notes.contains("support-chat: updated"), "\(apart)")
    }
  }

  @Test func `an endpoint that lost its fleet tag is reported as such, with the command that adopts it`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let provider = harness.workspace.provider
      try await provider.patchTags("support-chat", set: [:], remove: ["setpoint-fleet"])
      let known = await harness.diff("--fleet", "default")
      #expect(
        known.output.contains("its fleet tag (setpoint-fleet) is missing: Setpoint created or adopted it"), "\(known)"
      )
      let adoption =
        "next: adopt it with \"setpoint apply -f \(harness.manifest) --adopt --state \(harness.directory)/state\"\n"
      #expect(known.output.contains(adoption), "\(known)")
      try await provider.patchTags("support-chat", set: ["setpoint-manages": "gateway"], remove: [])
      let stdin = await CommandRun(
        ["diff", "-f", "-", "--state", "\(harness.directory)/other"], input: Manifests.chat(version: "1"),
        workspace: harness.workspace, timing: harness.workspace.timing)
      #expect(stdin.output.contains("is missing: it has other Setpoint tags; --adopt takes it over"), "\(stdin)")
      #expect(stdin.output.contains("\"setpoint apply -f - --adopt --state "), "\(stdin)")
      let refused = await harness.run("retry", "support-chat")
      #expect(
        refused.notes.contains("support-chat is not changed: its fleet tag (setpoint-fleet) is missing"), "\(refused)")
      #expect(
        refused.notes.contains("\"setpoint import support-chat | setpoint apply -f - --adopt --state "), "\(refused)")
      #expect(await harness.apply("--adopt").code == 0)
      #expect(await harness.diff().code == 0)
    }
  }

  @Test
  func `for an endpoint of another fleet, both options are named, to adopt it and to act for its fleet`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply("--fleet", "other").code == 0)
      let foreign = await harness.diff("--fleet", "mine")
      #expect(foreign.output.contains("it belongs to fleet \"other\"; --adopt takes it over"), "\(foreign)")
      #expect(foreign.output.contains("or add --fleet other to act for that fleet"), "\(foreign)")
    }
  }
}
