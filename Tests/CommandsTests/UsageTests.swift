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
    #expect(await CommandRun(["models"]).output.contains("USAGE: setpoint models"))
  }

  @Test(
    arguments: [
      (["aply"], "did you mean \"setpoint apply\"?"),
      (["apply-f", "x.yaml"], "\"setpoint --help\" lists the commands"),
      (["list"], "did you mean \"setpoint get\"?"),
      (["plan", "-f", "x.yaml"], "did you mean \"setpoint diff\"?"),
      (["roll-back", "chat"], "did you mean \"setpoint rollback\"?"),
      (["models", "regster", "a.b.c", "dir"], "did you mean \"setpoint models register\"?"),
      (["frobnicate"], "\"setpoint --help\" lists the commands"),
      (["chat.yaml"], "\"setpoint apply -f chat.yaml\""),
    ] as [([String], String)])
  func `an unknown command is a usage error with a suggestion`(arguments: [String], next: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 64)
    #expect(run.output == "")
    #expect(run.notes.hasPrefix("error: "), "\(run)")
    #expect(run.notes.contains(next), "\(run)")
  }

  @Test(
    arguments: [
      (["apply", "chat.yaml"], "\"setpoint apply -f chat.yaml\""),
      (["diff", "my chat.yaml", "--prune"], "\"setpoint diff --prune -f 'my chat.yaml'\""),
      (["validate", "a.yaml", "b.json"], "\"setpoint validate -f a.yaml -f b.json\""),
      (["run", "eps.yaml", "--fleet", "x"], "\"setpoint run --fleet x -f eps.yaml\""),
      (["--fleet", "blue", "apply", "-f", "x"], "\"setpoint apply -f x --fleet blue\""),
      (["get", "-f", "chat.yaml"], "\"setpoint get\" lists the names"),
      (["apply", "--pruen", "-f", "x"], "\"setpoint apply --help\" shows what it takes"),
      (["diff"], "\"setpoint diff --help\" shows what it takes"),
      (["query", "chat"], "\"setpoint query --help\" shows what it takes"),
    ] as [([String], String)])
  func `a command line that cannot be run says what would be right`(arguments: [String], next: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == (arguments[0] == "diff" ? 2 : 64))
    #expect(run.output == "")
    #expect(run.notes.hasPrefix("error: "), "\(run)")
    #expect(run.notes.contains(next), "\(run)")
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `completion prints a script for the shell`(shell: String) async {
    let run = await CommandRun(["completion", shell])
    #expect(run.code == 0, "\(run)")
    #expect(run.lines.count > 50)
  }
}
