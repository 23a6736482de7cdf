import Foundation
import Testing

@Suite struct ValidateTests {
  @Test func `a valid manifest has no findings`() async {
    let run = await CommandRun(["validate", "-f", "-"], input: Manifests.chat(version: "1"))
    #expect(run.code == 0)
    #expect(run.output == "")
    #expect(run.notes == "1 valid endpoint\n")
  }

  @Test func `every finding is printed with its location, and the exit code is 1`() async {
    let text = Manifests.chat(version: "1").replacing("size: Small", with: "size: Smal").replacing(
      "workloadType:", with: "workloadTyp:")
    let run = await CommandRun(["validate", "-f", "-"], input: text)
    #expect(run.code == 1)
    #expect(run.lines.count == 2, "\(run)")
    #expect(run.output.contains("-:8:3: error: spec.workloadTyp: "))
    #expect(run.output.contains("-:9:9: "))
  }

  @Test func `a missing file is a finding`() async {
    let run = await CommandRun(["validate", "-f", "/nowhere/at/all.yaml"])
    #expect(run.code == 1)
    #expect(run.output.contains("/nowhere/at/all.yaml"))
  }

  @Test func `at least one manifest must be named`() async {
    let run = await CommandRun(["validate"])
    #expect(run.code == 64)
    #expect(run.notes.contains("-f"))
  }

  @Test(arguments: ["validate", "diff", "apply"])
  func `files that are not manifests are skipped in every command`(command: String) async throws {
    try await withTemporaryDirectory { directory in
      func write(_ text: String, _ name: String) throws {
        try text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
      }
      try write(Manifests.chat(version: "1"), "chat.yaml")
      try write("image: {tag: 1}\n", "values.yaml")
      try write("resources: [chat.yaml]\n", "kustomization.yaml")
      let arguments = [command, "-f", directory] + (command == "validate" ? [] : ["--state", "\(directory)/.state"])
      let refused = await CommandRun(arguments)
      #expect(
        refused.code != 0 && (refused.output + refused.notes).contains("values.yaml:1:1: error: not a ServingEndpoint"))
      let left = await CommandRun(arguments + ["--exclude", "values*.yaml"])
      #expect(!(left.output + left.notes).contains("values.yaml"), "\(left)")
      #expect(
        (left.output + left.notes).contains("kustomization.yaml:1:1: warning: a kustomization file; it is skipped"))
      try write("values.yaml\n", ".setpointignore")
      let ignored = await CommandRun(arguments)
      #expect(!(ignored.output + ignored.notes).contains("values.yaml"), "\(ignored)")
    }
  }

  @Test func `an invalid pattern is a usage error`() async {
    #expect(await CommandRun(["validate", "-f", "x", "--exclude", "# values"]).code == 64)
  }
}
