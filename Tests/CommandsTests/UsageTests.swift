import CanonicalJSON
import Commands
import FoundationEssentials
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
      (["stat"], "did you mean \"setpoint status\"?"),
      (["de", "chat"], "did you mean \"setpoint delete\" or \"setpoint describe\"?"),
      (["models", "reg", "m", "dir"], "did you mean \"setpoint models register\"?"),
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
      (["apply", "--pruen", "-f", "x"], "\"setpoint apply --help\" shows its usage"),
      (["diff"], "\"setpoint diff --help\" shows its usage"),
      (["query", "chat"], "\"setpoint query --help\" shows its usage"),
      (["query", "chat", "hello", "world"], "quote the message: \"setpoint query chat 'hello world'\""),
      (["query", "--stream", "chat", "hello", "world"], "quote the message if it has several words"),
    ] as [([String], String)])
  func `an invalid command line is refused with the correct form`(arguments: [String], next: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == (arguments[0] == "diff" ? 2 : 64))
    #expect(run.output == "")
    #expect(run.notes.hasPrefix("error: "), "\(run)")
    #expect(run.notes.contains(next), "\(run)")
  }

  @Test(arguments: [["-o", "json"], ["-ojson"], ["--output", "json"], ["--output=json"]])
  func `the output format may be joined to its option`(format: [String]) async throws {
    let run = await CommandRun(["version"] + format)
    #expect(run.code == 0, "\(run)")
    #expect(try JSONValue(parsing: run.output)["version"] == .string(SetpointVersion.number))
    let invalid = await CommandRun(["get", "-oxml"])
    #expect(invalid.code == 64)
    #expect(invalid.notes.hasPrefix(#"error: the value "xml" is invalid for ""#), "\(invalid)")
    #expect(invalid.notes.contains(#"use "table", "wide", "json" or "yaml"; "setpoint get --help""#), "\(invalid)")
  }

  @Test(
    arguments: [
      (["help", "nope"], "unknown command \"nope\" for \"setpoint\""),
      (["help", "aply"], "did you mean \"setpoint apply\"?"),
      (["help", "models", "regster"], "did you mean \"setpoint models register\"?"),
      (["help", "get", "chat"], "\"setpoint get\" has no command \"chat\""),
      (["aply", "--help"], "did you mean \"setpoint apply\"?"),
      (["models", "nope", "-h"], "unknown command \"nope\" for \"setpoint models\""),
    ] as [([String], String)])
  func `help on an unknown command is a usage error`(arguments: [String], words: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 64)
    #expect(run.output == "")
    #expect(run.notes.contains(words), "\(run)")
  }

  @Test(arguments: [
    ["help"], ["help", "get"], ["help", "models", "register"], ["get", "--help"], ["models", "-h"],
    ["query", "chat", "--", "--help"],
  ])
  func `help on a known command is a result`(arguments: [String]) async {
    let run = await CommandRun(arguments)
    #expect(run.output.contains("USAGE: setpoint") == !arguments.contains("--"), "\(run)")
  }

  @Test(
    arguments: [
      (["validate", "-f", ""], "the value of -f is empty"), (["diff", "--filename", ""], "the value of --filename"),
      (["serve", "--data", ""], "the value of --data is empty"),
      (["serve", "--data="], "the value of --data is empty"),
      (["apply", "-f", "x", "--state", ""], "the value of --state"), (["get", "--host", ""], "the value of --host"),
      (["run", "--git", ""], "the value of --git"), (["logs", "chat", "--entity", ""], "the value of --entity"),
      (["models", "register", "m", "d", "--alias", ""], "the value of --alias"),
      (["wait", "chat", "--for", ""], "the value of --for is empty"),
      (["describe", ""], "the argument <name> of \"setpoint describe\" is empty"),
      (["query", "chat", "--stream", ""], "the argument <prompt> of \"setpoint query\" is empty"),
    ] as [([String], String)])
  func `an empty value is a usage error that names the option`(arguments: [String], words: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == (arguments[0] == "diff" ? 2 : 64))
    #expect(run.output == "")
    #expect(run.notes.contains(words), "\(run)")
    #expect(run.notes.contains(" --help\" shows its usage"), "\(run)")
  }

  @Test(
    arguments: [
      (["wait", "chat", "--timeout", "5x"], "--timeout", "write a time like 90s"),
      (["apply", "-f", "x", "--timeout", "-5s"], #"the value "-5s" is invalid for "--timeout <TIME>""#, "90s"),
      (["rollback", "chat", "--to", "-1"], #"the value "-1" is invalid for "--to <N>""#, "write a whole number"),
      (["models", "alias", "m", "a", "x"], "<version>", "write a whole number"),
      (["serve", "--slots", "-1"], #"the value "-1" is invalid for "--slots <N>""#, "without a sign"),
      (["serve", "--slots", "99999999999999999999"], "--slots <N>", "at most 9223372036854775807"),
      (["apply", "-f", "x", "--write-budget", "0/m"], "--write-budget", "write a budget like 50/5m, or off"),
      (["serve", "--port", "99999"], "--port", "write a port from 0 to 65535"),
      (["serve", "--request-memory", "much"], "--request-memory", "write a number of bytes like 64Mi"),
      (["serve", "--idle-after", "soon"], "--idle-after", "write a time like 90s"),
      (["serve", "--swap-every", "often"], "--swap-every", "write a time like 90s"),
      (["serve", "--scale-down-after", "late"], "--scale-down-after", "write a time like 90s"),
      (["serve", "--held-bytes", "much"], "--held-bytes", "write a number of bytes like 64Mi"),
      (["serve", "--telemetry-size", "much"], "--telemetry-size", "write a number of bytes like 64Mi"),
    ] as [([String], String, String)])
  func `a value that cannot be parsed is refused with the expected form`(
    arguments: [String], what: String, next: String
  ) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 64)
    #expect(run.notes.contains(what) && run.notes.contains(next), "\(run)")
  }

  @Test(
    arguments: [
      (["apply", "--no-such-flag"], #"unknown option "--no-such-flag""#, #"next:  "setpoint apply --help""#),
      (["apply", "--pruen"], #"unknown option "--pruen""#, #"next:  did you mean "--prune"? "setpoint apply --help""#),
      (["apply", "--prune=yes"], #"the option "--prune" does not take any value, but "yes" was specified"#, ""),
      (["query", "chat"], #"missing expected argument "<prompt>""#, #"next:  "setpoint query --help""#),
      (["apply", "--timeout"], #"missing value for "--timeout <TIME>""#, #"next:  "setpoint apply --help""#),
      (["version", "it's"], #"unexpected argument "it's""#, #"next:  "setpoint version --help""#),
      (["version", "a", "b"], #"2 unexpected arguments: "a", "b""#, #"next:  "setpoint version --help""#),
      (
        ["completion", "ksh"], #"the value "ksh" is invalid for "<shell>""#, #"use "bash", "zsh" or "fish"; "setpoint"#
      ),
      (["apply"], "no manifests are specified; use -f FILE, -f DIR, or -f - for standard input", ""),
      (["run", "--fleet", "a"], "no manifests are specified; use -f DIR or --git URL", ""),
      (["run", "-f", ".", "--git", "u", "--fleet", "a"], "-f and --git cannot be combined", ""),
      (["status", "--controller", "h", "--state", "d"], "--controller and --state cannot be combined", ""),
    ] as [([String], String, String)])
  func `every usage error has the same form, whether the parser or a command finds it`(
    arguments: [String], what: String, next: String
  ) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 64)
    #expect(run.notes.hasPrefix("error: \(what)\n"), "\(run)")
    #expect(run.notes.contains(next.isEmpty ? " --help\" shows its usage" : next), "\(run)")
  }

  @Test(
    arguments: [
      (["serve", "--queue-length=-1"], "--queue-length must not be negative"),
      (["serve", "--retention", "logs"], "--retention is invalid: "),
      (["serve", "--retention", "logs=7d,diary=1d"], #""diary" is not a telemetry table"#),
      (["serve", "--telemetry-size", "1Mi"], "--telemetry-size must be at least 16Mi"),
      (["serve", "--scale-down-after", "0"], "--scale-down-after must be at least 1s"),
      // A number this large is allowed.
      (["serve", "--queue-length", "\(Int.max)", "--idle-timeout", "0"], "--idle-timeout must be at least 1s"),
    ] as [([String], String)])
  func `an option of serve outside its range is refused`(arguments: [String], words: String) async {
    let run = await CommandRun(arguments)
    #expect(run.code == 64)
    #expect(run.notes.contains(words), "\(run)")
  }

  @Test func `the suggested help command carries no options`() async {
    let run = await CommandRun(["validate", "-f", "x", "--rule", "nope=off"])
    #expect(run.notes.contains("\"setpoint validate --help\" shows its usage"), "\(run)")
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `completion prints a script for the shell`(shell: String) async {
    let run = await CommandRun(["completion", shell])
    #expect(run.code == 0, "\(run)")
    #expect(run.lines.count > 50)
  }

  @Test func `a file that is named twice, once with -f, is in the suggested command twice`() async throws {
    try await withTemporaryDirectory { directory in
      let file = directory + "/chat.yaml"
      try Data().write(to: URL(filePath: file))
      let run = await CommandRun(["apply", "-f", file, file])
      #expect(run.notes.contains("next:  \"setpoint apply -f \(file) -f \(file)\""), "\(run)")
    }
  }
}
