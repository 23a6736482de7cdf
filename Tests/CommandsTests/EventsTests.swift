import CanonicalJSON
import Commands
import Endpoints
import FoundationEssentials
import History
import Planning
import ServingAPI
import Synchronization
import TestKit
import Testing

@Suite struct EventsTests {
  private static let host = "https://workspace.example.com"
  private let chat = EndpointKey(host: Self.host, name: "chat")

  private func event(_ what: String, why: String = "", commit: String? = nil, at seconds: Int64 = 0) -> HistoryEvent {
    HistoryEvent(
      at: Timestamp(milliseconds: (1_767_225_600 + seconds) * 1000), what: what, why: why, sourceCommit: commit)
  }

  private func events(_ directory: String, _ arguments: String...) async -> CommandRun {
    await CommandRun(["events", "--state", directory] + arguments, environment: [:])
  }

  @Test func `the history of a failed version names its commit and the reason for the rollback`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      let words = "broken weights: incomplete metadata"
      try await history.note(event("updating to revision 3 (abc)", commit: "1a2b3c4d5e"), of: chat)
      try await history.note(event("revision 3 failed", why: words, commit: "1a2b3c4d5e", at: 9), of: chat)
      try await history.note(
        event("rolling back to revision 2 (def) because revision 3 failed", why: "first\nsecond", at: 10), of: chat)
      try await history.note(event("the source cannot be read", at: 11), fleet: "support", host: Self.host)
      let run = await events(directory)
      #expect(
        run.lines == [
          "2026-01-01T00:00:00Z  chat           updating to revision 3 (abc)  commit 1a2b3c4",
          "2026-01-01T00:00:09Z  chat           revision 3 failed: \(words)  commit 1a2b3c4",
          "2026-01-01T00:00:10Z  chat           rolling back to revision 2 (def) because revision 3 failed: first "
            + "second",
          "2026-01-01T00:00:11Z  fleet support  the source cannot be read",
        ], "\(run)")
      #expect(run.code == 0)
    }
  }

  @Test func `only the controllers of followed endpoints are reported as stopped`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      let moment = Timestamp(milliseconds: 1_767_225_600_000)
      for (fleet, name) in [("red", "chat"), ("blue", "other")] {
        let status = EndpointStatus(name: name, phase: .inSync, reason: .inSync, since: moment, lastCheck: moment)
        try await history.save(
          [status], fleet: fleet, host: Self.host, at: moment, report: FleetReport(stoppedAt: moment))
      }
      let run = await CommandRun(
        ["events", "chat", "-f", "--state", directory], environment: [:], interruption: { true })
      #expect(run.notes.contains("--fleet red"), "\(run)")
      #expect(!run.notes.contains("--fleet blue"), "\(run)")
    }
  }

  @Test func `endpoint names, a time and a fleet narrow the list`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      try await history.note(event("old", at: -7200), of: chat)
      try await history.note(event("new", at: -60), of: chat)
      try await history.note(event("other", at: -50), of: EndpointKey(host: "http://127.0.0.1:7387", name: "other"))
      try await history.note(event("fleet", at: -40), fleet: "support", host: Self.host)
      func what(_ arguments: String...) async -> [String] {
        let run = await CommandRun(["events", "--state", directory, "-o", "json"] + arguments, environment: [:])
        return run.lines.compactMap { (try? JSONValue(parsing: $0))?["what"]?.stringValue }
      }
      #expect(await what() == ["old", "new", "other", "fleet"])
      #expect(await what("--since", "1h") == ["new", "other", "fleet"])
      #expect(await what("chat") == ["old", "new"])
      #expect(await what("--host", "127.0.0.1:7387") == ["other"])
      #expect(await what("--fleet", "support") == ["fleet"])
      let both = await events(directory, "--since", "1h")
      #expect(both.lines[1].contains("other at http://127.0.0.1:7387"), "with two providers, each is named")
    }
  }

  @Test func `changes that commands made to a fleet's endpoints are among the fleet's events`() async throws {
    let workspace = WorkspaceDouble()
    workspace.setModel("main.support.hello", versions: [1: .ready, 2: .ready])
    try await withTemporaryDirectory { directory in
      let file = "\(directory)/chat.yaml"
      func run(_ arguments: String..., fleet: String = "support") async -> CommandRun {
        let environment = CommandRun.environment.merging(["SETPOINT_FLEET": fleet]) { $1 }
        return await CommandRun(
          arguments + ["--state", "\(directory)/state"], environment: environment, workspace: workspace,
          timing: workspace.timing)
      }
      func what(_ fleet: String = "support") async -> [String] {
        await run("events", "-o", "json", fleet: fleet).lines.compactMap {
          (try? JSONValue(parsing: $0))?["what"]?.stringValue
        }
      }
      for version in ["1", "2"] {
        try Data(Manifests.chat("chat", version: version).utf8).write(to: URL(filePath: file))
        #expect(await run("apply", "-f", file).code == 0)
      }
      let applied = await what()
      #expect(
        applied.contains { $0.hasPrefix("creating") } && applied.contains { $0.hasPrefix("updating") }, "\(applied)")
      #expect(await run("rollback", "chat").code == 0)
      #expect(await what().contains("a rollback was requested"))
      #expect(await run("retry", "chat").code == 0)
      #expect(await what().contains("a retry was requested"))
      #expect(await run("delete", "chat").code == 0)
      let all = await what()
      #expect(all.last == "deleted", "\(all)")
      #expect(all == (await what("")), "the list of all events has none that the fleet list lacks")
      #expect(await what("other") == [])
    }
  }

  @Test func `a long time span shows every event in it`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      for index in 0..<250 { try await history.note(event("\(index)"), of: chat) }
      #expect(await events(directory).lines.count == 100)
      let all = await events(directory, "--since", "1h")
      #expect(all.lines.count == 250)
      #expect(all.lines.last?.hasSuffix("249") == true)
    }
  }

  @Test func `JSON output is one complete object per line`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      try await history.note(event("held", why: "x", commit: "abc"), of: chat)
      let line = try JSONValue(parsing: try #require(await events(directory, "-o", "json").lines.first))
      #expect(
        line == [
          "id": 1, "at": "2026-01-01T00:00:00Z", "endpoint": "chat", "target": .string(Self.host), "what": "held",
          "why": "x", "commit": "abc",
        ])
    }
  }

  @Test func `if there are no events yet, the command says so and what to do next`() async throws {
    try await withTemporaryDirectory { directory in
      let empty = await events("\(directory)/none")
      #expect(empty.code == 0)
      #expect(empty.output == "")
      #expect(empty.notes.contains("no events yet"))
      #expect(empty.notes.contains("--state"))
      #expect(await events("\(directory)/none", "chat").notes.contains("no matching events"))
      let ofFleet = await CommandRun(["events", "--state", directory], environment: ["SETPOINT_FLEET": "support"])
      #expect(
        ofFleet.notes.contains("run it without names and options and without SETPOINT_FLEET to show all"), "\(ofFleet)")
    }
  }

  /// Events are recorded while the command waits, and at the last wait the user stops it.
  @Test(arguments: [true, false])
  func `following shows each new event once and exits with 0 on Ctrl-C`(isThere: Bool) async throws {
    try await withTemporaryDirectory { directory in
      let state = StateDirectory(path: directory + "/state")
      if isThere { try await HistoryStore.open(in: state).note(event("zero"), of: chat) }
      let waits = Mutex(0)
      let (interruptions, interrupt) = AsyncStream.makeStream(of: Void.self)
      var timing = TestTiming().timing
      timing.sleep = { [chat] pause in
        #expect(pause == .seconds(1))
        let wait = waits.withLock { waits in
          waits += 1
          return waits
        }
        switch wait {
        case 1, 2, 4: try await HistoryStore.open(in: state).note(event("event \(wait)", at: Int64(wait)), of: chat)
        case 6:
          interrupt.yield()
          // What a sleeper does when its task is canceled.
          try await Task.sleep(for: .seconds(3600))
        default: break
        }
      }
      let run = await CommandRun(
        ["events", "-f", "--state", state.path], environment: [:], followed: timing,
        interruption: {
          for await _ in interruptions { return true }
          return false
        })
      #expect(run.code == 0, "\(run)")
      let shown = run.lines.map { String($0.drop { $0 != " " }.drop { $0 == " " }) }
      #expect(shown == (isThere ? ["chat  zero"] : []) + ["chat  event 1", "chat  event 2", "chat  event 4"])
      #expect(run.notes == "")
    }
  }

  @Test func `history and describe name the commit of an event, and the alias of a version`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      let config = Manifests.config(version: "3")
      let attempt = Attempt(
        digest: config.digest, kind: .update, revision: 1, base: .absent, openedAt: Timestamp(milliseconds: 0),
        checksDigest: config.digest)
      let origin = RolloutOrigin(
        sourceCommit: "1a2b3c4d5e",
        aliases: [AliasedVersion(model: "main.support.hello", alias: "@champion", version: "3")])
      try await history.record(
        [.opened(attempt, Rollout(config), origin)], of: chat, at: Timestamp(milliseconds: 0))
      let run = await CommandRun(["history", "chat", "--events", "--state", directory])
      #expect(run.output.contains("main.support.hello/3 (@champion)"), "\(run)")
      #expect(
        run.output.contains("TIME                   EVENT                                     COMMIT    WHY"), "\(run)")
      #expect(run.output.contains("1a2b3c4\n"), "\(run)")
      let json = try JSONValue(
        parsing: await CommandRun(["history", "chat", "-o", "json", "--state", directory]).output)
      #expect(json["revisions"]?.arrayValue?.first?["aliases"]?.arrayValue?.first?["alias"] == "@champion")
    }
  }
}
