import CanonicalJSON
import Commands
import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

// What is shown before anything is sent: plans, saved plans, and errors that leave no plan.
extension ApplyTests {
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
