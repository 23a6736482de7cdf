import CanonicalJSON
import Endpoints
import FoundationEssentials
import History
import Planning
import ServingAPI
import TestKit
import Testing

@testable import Commands

/// Text from outside is data: names, tags, descriptions, messages and logs neither control a terminal nor forge a line.
@Suite struct UntrustedTextTests {
  private static let host = "https://workspace.example.com"
  /// Clears the screen, breaks the line, forges a line of a plan, reverses the text direction, hides a mark.
  private static let hostile = "x\u{1B}[2J\r\n- other: delete (pruned)\u{202E}\u{200B}\u{9B}1m\u{2028}+ more: create"

  private func expectPlain(_ run: CommandRun, _ place: SourceLocation = #_sourceLocation) {
    for text in [run.output, run.notes] {
      for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
        #expect(Printable.line(line) == line, "\(run)", sourceLocation: place)
        #expect(!line.hasPrefix("- other") && !line.hasPrefix("+ more"), "\(run)", sourceLocation: place)
      }
    }
  }

  private func withWorkspace(_ body: (WorkspaceDouble, String) async throws -> Void) async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready, 3: .ready])
      try await workspace.serve("support-chat", tags: ["team": Self.hostile, "setpoint-fleet": "default"])
      let history = try HistoryStore.open(in: StateDirectory(path: state))
      let now = Timestamp(milliseconds: 1_767_225_600_000)
      try await history.note(
        HistoryEvent(at: now, what: "did \(Self.hostile)", why: Self.hostile, sourceCommit: nil),
        of: EndpointKey(host: Self.host, name: "support-chat"))
      let status = EndpointStatus(
        name: "support-chat", desired: Self.hostile, live: Self.hostile, phase: .held, reason: .quarantined,
        why: Self.hostile, since: now, lastCheck: now, warnings: [Self.hostile])
      try await history.save(
        [status], fleet: "default", host: Self.host, at: now,
        report: FleetReport(interval: .seconds(60), commit: "1a2b3c4d5e", problems: [Self.hostile]))
      try await body(workspace, state)
    }
  }

  @Test(
    arguments: [
      ["get"], ["get", "-o", "wide"], ["describe", "support-chat"], ["status"], ["status", "-o", "wide"], ["events"],
      ["history", "support-chat", "--events"],
    ])
  func `no command prints text from outside unescaped`(arguments: [String]) async throws {
    try await withWorkspace { workspace, state in
      for palette in [Palette.plain, Palette(isColoured: true)] {
        let run = await CommandRun(arguments + ["--state", state], workspace: workspace, palette: palette)
        guard palette.isColoured else {
          expectPlain(run)
          continue
        }
        // Of the terminal codes, only our own colors are left.
        for piece in run.output.split(separator: "\u{1B}").dropFirst() {
          #expect(["0m", "1m", "2m", "31m", "32m", "33m"].contains { piece.hasPrefix("[\($0)") }, "\(run)")
        }
        #expect(!run.output.contains("\u{9B}") && !run.output.contains("\u{202E}"))
      }
    }
  }

  @Test func `machine-readable output contains the exact data`() async throws {
    try await withWorkspace { workspace, state in
      let got = await CommandRun(["get", "support-chat", "-o", "json", "--state", state], workspace: workspace)
      let json = try JSONValue(parsing: got.output)
      let tags = json["tags"]?.arrayValue ?? []
      #expect(tags.contains { $0["key"]?.stringValue == "team" && $0["value"]?.stringValue == Self.hostile }, "\(got)")
      let events = await CommandRun(["events", "-o", "json", "--state", state], workspace: workspace)
      let lines = events.lines
      #expect(lines.count == 1)
      #expect(try JSONValue(parsing: lines.first ?? "")["why"]?.stringValue == Self.hostile)
      for line in lines { #expect(Printable.line(line) == line, "and it is safe to print") }
    }
  }

  @Test func `a description in a manifest cannot add a line to a plan`() async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      let description = "  description: \"fine\\n\\n- other: delete (pruned)\\n1 to delete.\\e[2J\"\n"
      let manifest = Manifests.chat(version: "1") + "\n" + description
      for arguments in [
        ["diff", "-f", "-"], ["apply", "-f", "-", "--dry-run"], ["apply", "-f", "-"], ["diff", "-f", "-"],
      ] {
        let run = await CommandRun(
          arguments + ["--state", state], input: manifest, workspace: workspace, timing: workspace.timing)
        #expect(!run.notes.contains("error"), "\(run)")
        expectPlain(run)
        #expect(!run.lines.contains { $0.hasPrefix("- ") || $0.hasPrefix("1 to delete") }, "\(run)")
      }
      let live = await CommandRun(["describe", "support-chat", "--state", state], workspace: workspace)
      expectPlain(live)
      #expect(live.output.contains(#"fine\n\n- other"#), "\(live)")
    }
  }

  @Test func `adoption shows the live tags and description as data`() async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready])
      try await workspace.serve("support-chat", tags: ["team": Self.hostile, "a\u{1B}[31mb": "c"])
      let manifest = Manifests.chat(version: "1", more: "  tags: {team: support}\n  description: mine")
      for more in [[], ["--explain"]] {
        let run = await CommandRun(
          ["diff", "--adopt", "-f", "-", "--state", state] + more, input: manifest, workspace: workspace)
        #expect(run.code == 1, "\(run)")
        expectPlain(run)
      }
    }
  }

  @Test func `a server's message of several lines is indented below the plan`() async throws {
    try await withTemporaryDirectory { state in
      let workspace = WorkspaceDouble()
      workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
      workspace.setBehavior(
        .fails(message: "out of memory\n- other: delete (pruned)\nnext: run this\u{1B}[0m"),
        model: "main.support.hello",
        version: "2")
      for version in ["1", "2", "2"] {
        let run = await CommandRun(
          ["apply", "-f", "-", "--state", state], input: Manifests.chat(version: version), workspace: workspace,
          timing: workspace.timing)
        expectPlain(run)
        #expect(!run.lines.contains { $0.hasPrefix("    next: run this") || $0.hasPrefix("next: run") }, "\(run)")
      }
      let run = await CommandRun(["describe", "support-chat", "--state", state], workspace: workspace)
      expectPlain(run)
    }
  }

  @Test func `findings and errors quote text from outside as data`() async throws {
    let name = "\"ch\\e[2Jat\\n- other: delete (pruned)\""
    let run = await CommandRun(["validate", "-f", "-"], input: Manifests.chat(name, version: "1"))
    #expect(run.code == 1)
    expectPlain(run)
    let workspace = WorkspaceDouble()
    workspace.fail("GET", with: .answer(status: 403, errorCode: "PERMISSION_DENIED", message: Self.hostile))
    expectPlain(await CommandRun(["get"], workspace: workspace))
    expectPlain(await CommandRun(["get", "no\u{1B}[2Jbody\n- other: delete (pruned)"], workspace: WorkspaceDouble()))
    expectPlain(await CommandRun(["appl\u{1B}[2Jy\n- other"], workspace: workspace))
  }

  // MARK: - Streams

  @Test func `logs and answers do not control the terminal, and a pipe gets every byte`() async throws {
    let workspace = WorkspaceDouble()
    let said = "50%\r\u{1B}[32mINFO\u{1B}[0m\u{202E} done"
    workspace.setLogs(server: "\(said)\n", build: "", model: "main.support.hello", version: "1")
    workspace.setAnswer(said, model: "main.support.hello", version: "1")
    try await workspace.serve("support-chat")
    for arguments in [
      ["logs", "support-chat"], ["query", "support-chat", "hi"], ["query", "support-chat", "hi", "--stream"],
    ] {
      let piped = await CommandRun(arguments, workspace: workspace)
      #expect(piped.output == "\(said)\n", "\(piped)")
      let seen = await CommandRun(arguments, workspace: workspace, isOutputTerminal: true)
      #expect(seen.output == "50%\\r\\u{1b}[32mINFO\\u{1b}[0m\\u{202e} done\n", "\(seen)")
    }
  }
}
