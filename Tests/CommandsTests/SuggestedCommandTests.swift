import Testing

@testable import Commands

/// What a message tells a person to run works as printed.
@Suite struct SuggestedCommandTests {
  private var given: SuggestedCommands {
    var given = SuggestedCommands()
    given.host = "https://w.example.com"
    given.fleet = "blue team"
    given.state = "/var/lib/my state"
    return given
  }

  @Test(
    arguments: [
      (
        "lift it with \"setpoint retry chat\"; see docs",
        "lift it with \"setpoint retry chat --fleet 'blue team' --host https://w.example.com --state '/var/lib/my state'\"; see docs"
      ),
      (
        "\"setpoint get\" lists them",
        "\"setpoint get --host https://w.example.com --state '/var/lib/my state'\" lists them"
      ),
      ("\"setpoint logs chat\"", "\"setpoint logs chat --host https://w.example.com\""),
      ("`setpoint models list` shows", "`setpoint models list --host https://w.example.com` shows"),
      ("\"setpoint retry a --fleet b --host c --state d\"", "\"setpoint retry a --fleet b --host c --state d\""),
      ("start it with `setpoint serve`", "start it with `setpoint serve`"),
      ("see whether \"setpoint run\" still runs", "see whether \"setpoint run\" still runs"),
      ("history is kept where \"setpoint apply\" runs", "history is kept where \"setpoint apply\" runs"),
      ("an older setpoint get wrote it", "an older setpoint get wrote it"),
      ("broken \"setpoint get", "broken \"setpoint get"),
    ] as [(String, String)])
  func `a suggested command carries what it needs, quoted for a shell`(text: String, completed: String) {
    #expect(given.completed(text) == completed)
    #expect(given.completed(completed) == completed, "twice is once")
  }

  @Test func `manifests stand where a suggestion leaves them open`() {
    var given = SuggestedCommands()
    #expect(given.completed("\"setpoint apply -f ... --adopt\"") == "\"setpoint apply -f FILE --adopt\"")
    given.paths = ["my endpoints", "b.yaml"]
    #expect(
      given.completed("\"setpoint diff -f ... --out plan\"")
        == "\"setpoint diff -f 'my endpoints' -f b.yaml --out plan\"")
    #expect(given.completed("\"setpoint apply --adopt\"") == "\"setpoint apply -f 'my endpoints' -f b.yaml --adopt\"")
    #expect(given.completed("\"setpoint apply -f\"") == "\"setpoint apply -f 'my endpoints' -f b.yaml\"")
    #expect(given.completed("\"setpoint apply -f c.yaml\"") == "\"setpoint apply -f c.yaml\"")
  }

  @Test(
    arguments: [
      ("plain-1.0_x/y:z@a", "plain-1.0_x/y:z@a"), ("", "''"), ("two words", "'two words'"), ("it's", #"'it'\''s'"#),
      ("$(rm)", "'$(rm)'"), ("a;b", "'a;b'"), ("naïve", "'naïve'"),
    ] as [(String, String)])
  func `words are quoted as a shell reads them`(word: String, quoted: String) {
    #expect(ShellWord.quoted(word) == quoted)
  }

  @Test func `a saved plan names the command that carries it out`() {
    #expect(
      given.command(["apply", "--plan", "my plan"])
        == "setpoint apply --plan 'my plan' --fleet 'blue team' --host https://w.example.com --state '/var/lib/my state'"
    )
  }
}
