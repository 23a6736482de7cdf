import Testing

@Suite struct ValidateTests {
  @Test func `a good manifest has no findings`() async {
    let run = await CommandRun(["validate", "-f", "-"], input: Manifests.chat(version: "1"))
    #expect(run.code == 0)
    #expect(run.output == "")
    #expect(run.notes == "1 valid endpoint\n")
  }

  @Test func `every finding is printed with its place, and the exit code is 1`() async {
    let text = Manifests.chat(version: "1").replacing("size: Small", with: "size: Smal").replacing(
      "workloadType:", with: "workloadTyp:")
    let run = await CommandRun(["validate", "-f", "-"], input: text)
    #expect(run.code == 1)
    #expect(run.lines.count == 2, "\(run)")
    #expect(run.output.contains("-:8:3: error: spec.workloadTyp: "))
    #expect(run.output.contains("-:9:9: "))
  }

  @Test func `a file that is not there is a finding`() async {
    let run = await CommandRun(["validate", "-f", "/nowhere/at/all.yaml"])
    #expect(run.code == 1)
    #expect(run.output.contains("/nowhere/at/all.yaml"))
  }

  @Test func `manifests must be named`() async {
    let run = await CommandRun(["validate"])
    #expect(run.code == 64)
    #expect(run.notes.contains("-f"))
  }
}
