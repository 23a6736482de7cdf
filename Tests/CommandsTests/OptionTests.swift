import Commands
import FoundationEssentials
import Testing

/// Options as a user types them, and the command's response to them.
@Suite struct OptionTests {
  @Test(arguments: ["90", "90s", "2m", "1h30m", "2d", "0"])
  func `durations are numbers with units`(span: String) async {
    let run = await CommandRun(["wait", "nobody", "--timeout", span])
    #expect(run.code == 1, "\(run)")
    #expect(run.notes.contains("no such endpoint"))
  }

  @Test func `a default duration is shown as it can be typed`() async {
    #expect(await CommandRun(["query", "--help"]).output.contains("(default: 10m)"))
  }

  @Test(arguments: ["", "m", "5x", "1h30", "30m1h", "-3s", "1.5h", "99999999999999999999s", "9999999999999999d"])
  func `any other duration is a usage error`(span: String) async {
    let run = await CommandRun(["wait", "nobody", "--timeout=\(span)"])
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains("--timeout"))
  }

  @Test(arguments: ["70000", ":", "127.0.0.1:", "127.0.0.1:x", "[::1", "[::1]x", "[]:1"])
  func `an address that cannot be listened on is a usage error`(address: String) async {
    let run = await CommandRun(["serve", "--listen", address.contains(":") ? address : "127.0.0.1:\(address)"])
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains("--listen"))
  }

  @Test(arguments: [
    ["--smtp", "mail.example.com"], ["--smtp", "http://mail.example.com"],
    ["--smtp", "smtp://plane:hunter2@mail.example.com"], ["--smtp", "smtp://localhost", "--smtp-from", "nobody"],
    ["--smtp-from", "plane@example.com"],
  ])
  func `a mail server that cannot be used is a usage error, without its password`(options: [String]) async {
    let run = await CommandRun(["serve"] + options)
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains("--smtp") && !run.notes.contains("hunter2"), "\(run)")
  }

  @Test(arguments: [
    ["--otlp", "collector:4318"], ["--otlp", "http://user:hunter2@collector"],
    ["--otlp", "http://collector", "--no-telemetry"],
  ])
  func `an address that nothing can be exported to is a usage error, without its password`(options: [String]) async {
    let run = await CommandRun(["serve"] + options)
    #expect(run.code == 64, "\(run)")
    #expect(run.notes.contains("--otlp") && !run.notes.contains("hunter2"), "\(run)")
  }

  @Test func `a fleet without a name is a usage error`() async {
    #expect(await CommandRun(["get", "--fleet", ""]).code == 64)
  }

  @Test func `options that a saved plan already contains cannot be given with it`() async {
    for option in ["--prune", "--adopt", "--allow-recreate", "--allow-mass-delete"] {
      let run = await CommandRun(["apply", "--plan", "p.json", option])
      #expect(run.code == 64, "\(run)")
      #expect(run.notes.contains(option), "\(run)")
    }
  }

  @Test(arguments: ["chat.yaml", "chat.json", ""])
  func `a manifest in place of a plan is never suggested as the file to write`(name: String) async throws {
    try await withTemporaryDirectory { directory in
      let path = name.isEmpty ? directory : "\(directory)/\(name)"
      if name.hasSuffix(".yaml") { try Data(Manifests.chat(version: "1").utf8).write(to: URL(filePath: path)) }
      if name.hasSuffix(".json") { try Data(#"{"kind": "ServingEndpoint"}"#.utf8).write(to: URL(filePath: path)) }
      let run = await CommandRun(["apply", "--plan", path])
      #expect(run.code == 1)
      #expect(
        run.notes.contains(
          "next:  pass a file written by \"setpoint diff --out\"; to apply manifests, use "
            + "\"setpoint apply -f \(path)\""), "\(run)")
      #expect(!run.notes.contains("--out \(path)"), "\(run)")
    }
  }

  @Test func `a missing or invalid plan is an error that says how to create one`() async {
    for plan in ["/nowhere/plan.json", "/dev/null"] {
      let run = await CommandRun(["apply", "--plan", plan])
      #expect(run.code == 1)
      #expect(run.notes.contains("setpoint diff"), "\(run)")
    }
  }

  @Test func `a truncated plan is reported as truncated`() async throws {
    try await withTemporaryDirectory { directory in
      try Data(#"{"kind": "Plan", "changes": ["#.utf8).write(to: URL(filePath: "\(directory)/p.json"))
      let run = await CommandRun(["apply", "--plan", "\(directory)/p.json"])
      #expect(run.code == 1)
      #expect(run.notes.contains("JSON truncated after 29 bytes: expected a value"), "\(run)")
    }
  }

  @Test func `a state directory that cannot be created is an error that names it`() async {
    let run = await CommandRun(["apply", "-f", "-", "--state", "/dev/null/state"], input: Manifests.chat(version: "1"))
    #expect(run.code == 1)
    #expect(run.notes.contains("/dev/null"), "\(run)")
    #expect(run.notes.contains("--state"))
  }
}
