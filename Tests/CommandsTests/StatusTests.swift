import CanonicalJSON
import Commands
import Controller
import Endpoints
import FoundationEssentials
import History
import LibCurl
import Planning
import ServingAPI
import TestKit
import Testing

/// `status`, and what a controller's report adds to `get` and `describe`.
@Suite struct StatusTests {
  private static let host = "https://workspace.example.com"

  /// The time as a command shows it, this many seconds later.
  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: (1_767_225_600 + seconds) * 1000) }

  private var champion: EndpointStatus {
    EndpointStatus(
      name: "champion", desired: "main.support.qwen3/4 (@champion), A10 Small", live: "main.support.qwen3/4, A10 Small",
      phase: .inSync, reason: .inSync, since: at(-7200), next: "check again", nextAt: at(42), commit: "1a2b3c4d5e",
      lastCheck: at(-8))
  }

  private var updating: EndpointStatus {
    EndpointStatus(
      name: "alpha", desired: "m/2, CPU Small", live: "m/1, CPU Small", phase: .updating, reason: .updating,
      why: "m-2: loading weights", since: at(-90), next: "check again", nextAt: at(-1), lastCheck: at(-8))
  }

  private var held: EndpointStatus {
    EndpointStatus(
      name: "support-chat", desired: "m/3, CPU Small", live: "m/2, CPU Small", phase: .held, reason: .quarantined,
      why: "this config failed: broken weights", since: at(-300), lastCheck: at(-8), warnings: ["somebody wrote"])
  }

  private func write(
    _ statuses: [EndpointStatus], to directory: String, fleet: String = "support", host: String = Self.host,
    lookedAt seconds: Int64 = -8, report: FleetReport = FleetReport(interval: .seconds(60), commit: "1a2b3c4d5e")
  ) async throws {
    let history = try HistoryStore.open(in: StateDirectory(path: directory))
    try await history.save(statuses, fleet: fleet, host: host, at: at(seconds), report: report)
  }

  private func status(
    _ directory: String, _ arguments: String..., workspace: WorkspaceDouble = WorkspaceDouble()
  ) async -> CommandRun {
    await CommandRun(["status", "--state", directory] + arguments, environment: [:], workspace: workspace)
  }

  @Test func `the fleet's health is visible at a glance, with endpoints that need attention first`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion, updating, held], to: directory)
      let run = await status(directory)
      #expect(
        run.lines == [
          "fleet support at https://workspace.example.com: 3 endpoints: 1 in sync, 1 updating, 1 held",
          "checked 8s ago at commit 1a2b3c4, checks every 1m00s",
          "",
          "NAME           PHASE                SINCE   DESIRED                                       LIVE           "
            + "  NEXT                 WHY",
          "support-chat   held (quarantined)   5m      m/3, CPU Small                                m/2, CPU Small   -"
            + "                    this config failed: broken weights; warning: somebody wrote",
          "alpha          updating             1m      m/2, CPU Small                                m/1, CPU Small "
            + "  check again now      m-2: loading weights",
          "champion       in sync              2h      main.support.qwen3/4 (@champion), A10 Small   the same       "
            + "  check again in 42s",
          "",
          "support-chat: change the manifest, or retry with \"setpoint retry support-chat --fleet support "
            + "--host \(Self.host) --state \(directory)\"",
        ], "\(run)")
      #expect(run.code == 1)
      #expect(run.notes == "")
    }
  }

  @Test func `an endpoint that differs only in its settings is shown as different, with the fields`() async throws {
    try await withTemporaryDirectory { directory in
      let differing = EndpointStatus(
        name: "chat", desired: "m/4 (@champion), CPU Small", live: "m/4, CPU Small",
        differences: ["engine", "tags.team"], phase: .updating, reason: .specChanged, since: at(-5), lastCheck: at(-5))
      let many = EndpointStatus(
        name: "many", desired: "m/4, CPU Small", live: "m/4, CPU Small", differences: ["a", "b", "c", "d", "e"],
        phase: .updating, reason: .specChanged, since: at(-5), lastCheck: at(-5))
      try await write([differing, many], to: directory)
      let run = await status(directory)
      #expect(run.output.contains("   differs in engine, tags.team   "), "\(run)")
      #expect(run.output.contains("   differs in a, b, c and 2 more   "), "\(run)")
      #expect(!run.output.contains("the same"))
    }
  }

  @Test func `if all is well, status exits with 0, and wide output shows more`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion, updating], to: directory)
      let run = await status(directory, "-o", "wide")
      #expect(run.code == 0, "\(run)")
      #expect(
        run.lines[3].split(separator: " ").map(String.init) == [
          "NAME", "PHASE", "REASON", "SINCE", "DESIRED", "LIVE", "COMMIT", "CHECKED", "NEXT", "WHY",
        ])
      #expect(run.lines.last?.contains("1a2b3c4   8s") == true, "\(run)")
    }
  }

  @Test func `without a controller, status says so and what to do`() async throws {
    try await withTemporaryDirectory { directory in
      let run = await status("\(directory)/none")
      #expect(run.code == 1)
      #expect(run.output == "")
      #expect(run.notes.contains("error: no controller has run with the state directory \(directory)/none"))
      #expect(run.notes.contains("setpoint run"))
      #expect(run.notes.contains("--controller"))
      #expect(!FileManager.default.fileExists(atPath: "\(directory)/none"), "reading creates no files")
    }
  }

  @Test(arguments: [
    (Int64(-3600), FleetReport(interval: .seconds(60)), "no heartbeat for 1h"),
    (-8, FleetReport(stoppedAt: Timestamp(milliseconds: 1_767_225_300_000)), "the controller stopped 5m ago"),
    (-8, FleetReport(problems: ["the source cannot be read:\nno such host"]), "problem: the source cannot be read:"),
  ])
  func `a controller that does no work is detected and reported as unhealthy`(
    lookedAt: Int64, report: FleetReport, words: String
  ) async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory, lookedAt: lookedAt, report: report)
      let run = await status(directory)
      #expect(run.code == 1)
      #expect(run.output.contains(words), "\(run)")
    }
  }

  @Test func `a long interval does not count as a missing heartbeat`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory, lookedAt: -1500, report: FleetReport(interval: .seconds(600)))
      #expect(await status(directory).code == 0)
    }
  }

  @Test func `a fleet without endpoints is reported as empty`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([], to: directory)
      let run = await status(directory)
      #expect(run.lines.first == "fleet support at https://workspace.example.com: no endpoints")
      #expect(run.lines.count == 2)
      #expect(run.code == 0)
    }
  }

  @Test func `names, fleet and provider narrow the list, and an unknown one is named`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion, held], to: directory)
      try await write([updating], to: directory, fleet: "other", host: "http://127.0.0.1:7387")
      #expect(await status(directory).lines.filter { $0.hasPrefix("fleet ") }.count == 2)
      for narrowed in [["--fleet", "other"], ["--host", "127.0.0.1:7387"], ["--host", "http://127.0.0.1:7387/"]] {
        let run = await CommandRun(["status", "--state", directory] + narrowed, environment: [:])
        #expect(run.lines.filter { $0.hasPrefix("fleet ") }.count == 1)
        #expect(run.output.contains("alpha"))
        #expect(run.code == 0)
      }
      let one = await status(directory, "champion", "--fleet", "support")
      #expect(!one.output.contains("support-chat"))
      #expect(one.code == 0, "\(one)")
      let nobody = await status(directory, "nobody")
      #expect(nobody.code == 1)
      #expect(nobody.output.isEmpty, "no fleet is called empty: \(nobody)")
      #expect(nobody.notes.contains("error: no controller has reported nobody\n  next:  \"setpoint get nobody"))
      let typo = await status(directory, "chamipon")
      #expect(typo.notes.contains("  next:  did you mean \"champion\"? \"setpoint get chamipon"), "\(typo)")
      let elsewhere = await status(directory, "--fleet", "nowhere")
      #expect(elsewhere.code == 1)
      #expect(elsewhere.notes.contains("has no record of fleet nowhere"), "\(elsewhere)")
      #expect(elsewhere.notes.contains("use one of other at http://127.0.0.1:7387, support at"), "\(elsewhere)")
      let near = await status(directory, "--fleet", "suport")
      #expect(near.notes.contains("did you mean \"support\"? use one of "), "\(near)")
    }
  }

  @Test func `SETPOINT_FLEET sets the fleet, and --fleet overrides it`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory)
      try await write([updating], to: directory, fleet: "other")
      func fleets(_ arguments: String...) async -> [String] {
        let run = await CommandRun(
          ["status", "--state", directory] + arguments, environment: ["SETPOINT_FLEET": "other"])
        return run.lines.filter { $0.hasPrefix("fleet ") }.map { String($0.split(separator: " ")[1]) }
      }
      #expect(await fleets() == ["other"])
      #expect(await fleets("--fleet", "support") == ["support"])
    }
  }

  @Test func `a fleet without a controller can be forgotten, and its revisions stay`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion, held], to: directory)
      try await write([updating], to: directory, fleet: "other")
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      try await history.note(
        HistoryEvent(at: at(-9), what: "the source cannot be read completely", why: "x"), fleet: "support",
        host: Self.host)
      try await history.note(
        HistoryEvent(at: at(-9), what: "recovered", why: ""), of: EndpointKey(host: Self.host, name: "champion"))
      let run = await status(directory, "--forget", "support")
      #expect(run.code == 0, "\(run)")
      #expect(run.output.hasPrefix("forgot fleet support at \(Self.host), with the status of 2 endpoints"))
      #expect(await status(directory).lines.filter { $0.hasPrefix("fleet ") }.count == 1)
      #expect(try await history.events().map(\.event.what) == ["recovered"])
      let again = await status(directory, "--forget", "support")
      #expect(again.code == 1 && again.notes.contains("use other at \(Self.host)"), "\(again)")
      #expect(await status(directory, "--forget", "other").code == 0)
      let none = await status(directory)
      #expect(none.code == 1 && none.notes.contains("or its fleets were forgotten"), "\(none)")
    }
  }

  @Test
  func `a fleet is not forgotten while a controller runs for it, or if several fleets have the name`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory)
      let now = at(0)
      let lease = FileLease(directory: directory, provider: Self.host, fleet: "support", now: { now })
      #expect(try await lease.acquire())
      let held = await status(directory, "--forget", "support")
      #expect(held.code == 1 && held.notes.contains("a controller manages fleet"), "\(held)")
      await lease.release()
      try await write([updating], to: directory, host: "http://127.0.0.1:7387")
      let unclear = await status(directory, "--forget", "support")
      #expect(unclear.code == 1 && unclear.notes.contains("--host URL"), "\(unclear)")
      #expect(await status(directory, "--forget", "support", "--host", "127.0.0.1:7387").code == 0)
      #expect(await status(directory, "--forget", "support").code == 0)
    }
  }

  @Test func `json output is the controller's response`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion, held], to: directory)
      let run = await status(directory, "-o", "json")
      let read = try FleetStatus(json: JSONValue(parsing: run.output))
      #expect(read.endpoints == [champion, held])
      #expect(read.lastSync == at(-8))
      try await write([updating], to: directory, fleet: "other")
      let both = try JSONValue(parsing: await status(directory, "-o", "json").output)
      #expect(both["items"]?.arrayValue?.count == 2)
    }
  }

  @Test func `commands in the JSON output carry the options that those of the text carry`() async throws {
    try await withTemporaryDirectory { directory in
      let broken = EndpointStatus(
        name: "alpha", desired: "m/2, CPU Small", live: "m/1, CPU Small", phase: .held, reason: .conflict,
        why: "the tag cannot be read; \"setpoint retry alpha\" removes it", since: at(-90), lastCheck: at(-8))
      try await write([broken], to: directory)
      let retry = "\"setpoint retry alpha --fleet support --host \(Self.host) --state \(directory)\" removes it"
      let text = await status(directory)
      #expect(text.output.contains(retry), "\(text)")
      let run = await status(directory, "-o", "json")
      let json = try JSONValue(parsing: run.output)
      #expect(json["endpoints"]?.arrayValue?.first?["why"] == .string("the tag cannot be read; \(retry)"), "\(run)")
      let workspace = WorkspaceDouble()
      try await workspace.serve("alpha", tags: ["setpoint-fleet": "support"])
      let described = await CommandRun(
        ["describe", "alpha", "-o", "json", "--state", directory], workspace: workspace)
      let why = try JSONValue(parsing: described.output)["controllers"]?.arrayValue?.first?["status"]?["why"]
      #expect(why?.stringValue?.contains("\"setpoint retry alpha --fleet support --state ") == true, "\(described)")
    }
  }

  @Test func `a running controller is asked, and its answer is shown`() async throws {
    let fleet = FleetStatus(fleet: "support", target: Self.host, lastSync: at(-8), endpoints: [champion])
    let script = ScriptedTransport([.json(fleet.json)])
    let run = await CommandRun(["status", "--controller", "127.0.0.1"], transport: script.transport)
    #expect(run.code == 0, "\(run)")
    #expect(run.output.contains("champion"))
    #expect(script.requests.map(\.url) == ["http://127.0.0.1:7388/status"])
    let other = await CommandRun(
      ["status", "--controller", "127.0.0.1", "--fleet", "other"], transport: script.transport)
    #expect(other.code == 1)
    #expect(other.notes.contains("manages fleet support"))
    #expect(other.notes.contains("  next:  pass the address of that fleet's controller, or --fleet support"))
  }

  @Test func `an address that does not answer or is not a controller is reported with what to do`() async {
    let answers: [(ScriptedTransport.ScriptedResponse, String)] = [
      (.lost(), "the controller does not respond"),
      (
        .answer(status: 200, body: "<html>"),
        "the server at this address is not a Setpoint controller"
      ),
      (.answer(status: 503, body: "starting"), "starting"), (.json(["fleet": "f"]), "the status has no target"),
    ]
    for (answer, words) in answers {
      let run = await CommandRun(
        ["status", "--controller", "http://c:1"], transport: ScriptedTransport([answer]).transport)
      #expect(run.code == 1)
      #expect(run.notes.contains(words), "\(run)")
      #expect(run.notes.contains("GET http://c:1/status"))
    }
  }

  @Test(arguments: ["ftp://host", "http://", ":7388", "host:port", "a b"])
  func `an invalid address is a usage error`(address: String) async {
    #expect(await CommandRun(["status", "--controller", address]).code == 64)
  }

  @Test(arguments: [
    ("h", "http://h:7388"), ("h:9", "http://h:9"), ("https://h", "https://h:7388"), ("[::1]", "http://[::1]:7388"),
    ("[::1]:9", "http://[::1]:9"), ("http://h:9/setpoint/", "http://h:9/setpoint"),
  ])
  func `an address without a port uses the default port`(text: String, url: String) async {
    let script = ScriptedTransport([.lost()])
    _ = await CommandRun(["status", "--controller", text], transport: script.transport)
    #expect(script.requests.map(\.url) == ["\(url)/status"])
  }

  @Test func `get and describe show the controller's status while the controller runs`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat", tags: ["setpoint-fleet": "support"])
    try await workspace.serve("stranger")
    try await withTemporaryDirectory { directory in
      try await write([held], to: directory)
      let get = await CommandRun(["get", "--state", directory], workspace: workspace)
      #expect(get.lines.first?.hasSuffix("CHANGED   PHASE                NEXT   WHY") == true, "\(get)")
      #expect(
        get.lines.last?.hasSuffix("held (quarantined)   -      this config failed: broken weights") == true, "\(get)")
      let describe = await CommandRun(["describe", "support-chat", "--state", directory], workspace: workspace)
      #expect(
        describe.output.contains(
          "Controller of fleet support, last heartbeat 8s ago\n  Phase:   held (quarantined), since "
            + "2025-12-31T23:55:00Z\n"
        ))
      #expect(describe.output.contains("  Why:     this config failed: broken weights\n"))
      try await write([held], to: directory, lookedAt: -86_400)
      let stale = await CommandRun(["get", "--state", directory], workspace: workspace)
      #expect(!stale.output.contains("PHASE"))
      let doubted = await CommandRun(["describe", "support-chat", "--state", directory], workspace: workspace)
      #expect(doubted.output.contains("no heartbeat for 1d"), "\(doubted)")
    }
  }
}
