import Commands
import Endpoints
import TestKit
import Testing

// Endpoints without a manifest.
extension ApplyTests {
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
}
