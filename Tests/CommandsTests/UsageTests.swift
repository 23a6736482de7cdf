import Commands
import Testing

@Suite struct UsageTests {
  @Test(arguments: [["--version"], ["version"]])
  func `the version is a result`(arguments: [String]) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 0)
    #expect(run.output == "setpoint \(SetpointVersion.number)\n")
    #expect(run.notes == "")
  }

  @Test func `help is a result`() async {
    let run = await CommandRun(["--help"])
    #expect(run.code == 0)
    #expect(run.output.contains("USAGE: setpoint"))
  }

  @Test func `an unknown command is a usage error`() async {
    let run = await CommandRun(["aply"])
    #expect(run.code == 64)
    #expect(run.output == "")
    #expect(run.notes.contains("aply"))
  }
}
