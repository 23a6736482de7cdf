import CanonicalJSON
import Endpoints
import FoundationEssentials
import ServingAPI
import TestKit
import Testing

@testable import Commands

/// The command that a message suggests works as printed.
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
        "lift it with \"setpoint retry chat --fleet 'blue team' --host https://w.example.com --state '/var/lib/my "
          + "state'\"; see docs"
      ),
      (
        "\"setpoint get\" lists them",
        "\"setpoint get --host https://w.example.com --state '/var/lib/my state'\" lists them"
      ),
      ("\"setpoint logs chat\"", "\"setpoint logs chat --host https://w.example.com\""),
      ("\"setpoint models list\" shows", "\"setpoint models list --host https://w.example.com\" shows"),
      ("\"setpoint retry a --fleet b --host c --state d\"", "\"setpoint retry a --fleet b --host c --state d\""),
      (
        "\"setpoint import chat | setpoint apply -f - --adopt\"",
        "\"setpoint import chat --host https://w.example.com | setpoint apply -f - --adopt --fleet 'blue team' "
          + "--host https://w.example.com --state '/var/lib/my state'\""
      ),
      ("start it with \"setpoint serve\"", "start it with \"setpoint serve\""),
      (
        "start it with \"setpoint run -f DIR --fleet red\"",
        "start it with \"setpoint run -f DIR --fleet red --host https://w.example.com --state '/var/lib/my state'\""
      ),
      ("see whether \"setpoint run\" still runs", "see whether \"setpoint run\" still runs"),
      ("history is kept where \"setpoint apply\" runs", "history is kept where \"setpoint apply\" runs"),
      ("an older setpoint get wrote it", "an older setpoint get wrote it"),
      ("broken \"setpoint get", "broken \"setpoint get"),
    ] as [(String, String)])
  func `a suggested command carries the options it needs, quoted for a shell`(text: String, completed: String) {
    #expect(given.completed(text) == completed)
    #expect(given.completed(completed) == completed, "twice counts as once")
  }

  @Test func `in JSON, the commands in messages are completed, and data is not changed`() {
    let retry = "lift it with \"setpoint retry chat\""
    let completed = JSONValue.string(given.completed(retry))
    let document: JSONValue = [
      "name": .string(retry), "fields": [["from": .string(retry), "to": .null]],
      "endpoints": [["why": .string(retry), "next": .string("check again"), "warnings": [.string(retry)]]],
    ]
    let expected: JSONValue = [
      "name": .string(retry), "fields": [["from": .string(retry), "to": .null]],
      "endpoints": [["why": completed, "next": .string("check again"), "warnings": [completed]]],
    ]
    #expect(given.completed(document) == expected)
  }

  @Test func `a suggestion has a placeholder for the manifests`() {
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
  func `arguments are quoted for a shell`(word: String, quoted: String) {
    #expect(ShellWord.quoted(word) == quoted)
  }

  @Test(
    arguments: [
      ([], []), (["--data", "d", "--port", "7400"], ["--port", "7400"]),
      (["--takeover", "--data=d", "--python", "python3.12", "-v"], ["--python", "python3.12", "-v"]),
      (["--python=/opt/v/bin/python", "--listen=[::1]:1"], ["--python", "/opt/v/bin/python", "--listen=[::1]:1"]),
      (["--max-replicas", "2", "--data"], ["--max-replicas", "2"]),
      (["--slots", "2", "--swap-every=5s"], ["--slots", "2", "--swap-every=5s"]),
      (["--registry", "mlflow:http://m:5000"], ["--registry", "mlflow:http://m:5000"]),
      (["--retention=logs=2d", "--no-telemetry"], ["--retention=logs=2d", "--no-telemetry"]),
      (["--data", "d", "--telemetry-size", "1Gi"], ["--telemetry-size", "1Gi"]),
    ] as [([String], [String])])
  func `the command that starts a plane again has its options`(given: [String], kept: [String]) {
    #expect(ServeOptions.forRestart(given, isInBackground: false) == kept)
    #expect(ServeOptions.forRestart(given, isInBackground: true) == kept + ["--background"])
  }

  @Test(
    arguments: [
      (["-f", "/m", "--mode=observe", "--fleet", "a"], ["-f", "/m", "--mode", "observe", "--fleet", "a"]),
      (["--notify", "https://hooks.example.com/s3cret", "-v"], ["--notify", "URL", "-v"]),
      (["--notify=https://hooks.example.com/s3cret"], ["--notify", "URL"]),
      (["--git", "https://me:s3cret@example.com/m.git"], ["--git", "https://***@example.com/m.git"]),
      (["--git=https://s3cret@dev.example.com/m.git"], ["--git", "https://***@dev.example.com/m.git"]),
      (["--git", "git@example.com:m.git"], ["--git", "git@example.com:m.git"]),
      (
        ["--window", "Mon-Fri 09:00-17:00 UTC", "--prune", "--state=/s"],
        ["--window", "Mon-Fri 09:00-17:00 UTC", "--prune", "--state", "/s"]
      ),
    ] as [([String], [String])])
  func `the command that starts a controller again has its options and no secret`(given: [String], kept: [String]) {
    #expect(RunArguments.forRestart(given) == kept)
  }

  @Test func `the command that starts a controller again finds its files from any directory`() {
    let directory = FileManager.default.currentDirectoryPath
    #expect(
      RunArguments.forRestart(["-f", "m", "--git=./repo"]) == ["-f", "\(directory)/m", "--git", "\(directory)/./repo"])
    #expect(RunArguments.forRestart(["--git", "repo"]) == ["--git", "\(directory)/repo"])
  }

  @Test func `the command that starts a plane again finds its Python from any directory`() {
    let python = FileManager.default.currentDirectoryPath + "/venv/bin/python"
    #expect(
      ServeOptions.forRestart(["--python", "venv/bin/python"], isInBackground: false) == ["--python", python])
  }

  @Test
  func `a suggested command acts for the fleet that owns the endpoint, even if the command named none`() async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
      workspace.setBehavior(.fails(message: "out of memory"), model: "main.support.hello", version: "2")
      func run(_ arguments: String..., version: String = "2") async -> CommandRun {
        await CommandRun(
          arguments + ["--state", directory], input: Manifests.chat(version: version), workspace: workspace,
          timing: workspace.timing)
      }
      _ = await run("apply", "-f", "-", "--fleet", "blue team", version: "1")
      let plan = "\(directory)/a plan"
      let planned = await run("diff", "-f", "-", "--fleet", "blue team", "--out", plan)
      #expect(
        planned.notes.contains("setpoint apply --plan '\(plan)' --fleet 'blue team' --state \(directory)\n"),
        "\(planned)")
      let retry = "\"setpoint retry support-chat --fleet 'blue team' --state \(directory)\""
      #expect(await run("apply", "--plan", plan).output.contains(retry))
      #expect(await run("describe", "support-chat").output.contains(retry))
      #expect(await run("diff", "-f", "-", "--fleet", "blue team").output.contains(retry))
      let refused = await run("retry", "support-chat")
      #expect(
        refused.notes.contains("belongs to fleet \"blue team\", and this command acts for fleet \"default\""),
        "\(refused)")
      #expect(refused.notes.contains("next:  to act for that fleet, add --fleet 'blue team'"), "\(refused)")
    }
  }

  @Test func `a conflict and a missing endpoint name the next command`() async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      try await workspace.serve("support-chat")
      let file = "\(directory)/chat.yaml"
      try Data(Manifests.chat(version: "1").utf8).write(to: URL(filePath: file))
      let run = await CommandRun(["diff", "-f", file, "--fleet", "blue", "--state", directory], workspace: workspace)
      #expect(
        run.output.contains("\"setpoint apply -f \(file) --adopt --fleet blue --state \(directory)\""), "\(run)")
      let missing = await CommandRun(["retry", "nobody", "--state", directory], workspace: workspace)
      #expect(missing.notes.contains("\"setpoint get --state \(directory)\" lists the endpoints there"), "\(missing)")
    }
  }

  @Test func `operating system errors are described in words`() async throws {
    try await withTemporaryDirectory { directory in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      for arguments in [
        ["diff", "-f", "-", "--out", "\(directory)/none/plan"], ["diff", "-f", "-", "--prices", "\(directory)/none"],
        ["diff", "-f", "\(directory)/none.yaml"], ["apply", "--plan", "\(directory)/none"],
        ["apply", "--plan", directory], ["diff", "-f", "-", "--prices", directory],
      ] {
        let run = await CommandRun(
          arguments + ["--state", directory], input: Manifests.chat(version: "1"), workspace: workspace)
        #expect(run.code != 0)
        #expect(run.notes.contains("o such file") || run.notes.contains("directory"), "\(run)")
        for word in ["Domain", "errno", "Code=", "CocoaError", "POSIXError"] {
          #expect(!run.notes.contains(word), "\(run)")
        }
      }
    }
  }

  @Test func `a saved plan names the command that applies it`() {
    #expect(
      given.command(["apply", "--plan", "my plan"])
        == "setpoint apply --plan 'my plan' --fleet 'blue team' --host https://w.example.com --state '/var/lib/my "
        + "state'"
    )
  }
}
