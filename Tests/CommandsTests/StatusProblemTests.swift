import CanonicalJSON
import Commands
import Controller
import FoundationEssentials
import History
import Planning
import ServingAPI
import TestKit
import Testing

/// `status` and similar commands if a controller was killed, or withholds something that a user has to decide.
@Suite struct StatusProblemTests {
  private static let host = "https://workspace.example.com"

  /// The time as a command shows it, this many seconds later.
  private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: (1_767_225_600 + seconds) * 1000) }

  private var champion: EndpointStatus {
    EndpointStatus(
      name: "champion", desired: "m/4, CPU Small", live: "m/4, CPU Small", phase: .inSync, reason: .inSync,
      since: at(-7200), next: "check again", nextAt: at(42), lastCheck: at(-8))
  }

  private func write(_ statuses: [EndpointStatus], to directory: String) async throws {
    let history = try HistoryStore.open(in: StateDirectory(path: directory))
    try await history.save(
      statuses, fleet: "support", host: Self.host, at: at(-8),
      report: FleetReport(interval: .seconds(60), commit: "1a2b3c4d5e"))
  }

  private func status(_ directory: String, _ arguments: String...) async -> CommandRun {
    await CommandRun(["status", "--state", directory] + arguments, environment: [:])
  }

  /// A process that is killed leaves its report and its lease's file as they were, and the kernel releases the lock.
  @Test func `a killed controller is reported as not running at once`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory)
      let now = at(0)
      var lease: FileLease? = FileLease(directory: directory, provider: Self.host, fleet: "support", now: { now })
      #expect(try await lease?.acquire() == true)
      #expect(await status(directory).code == 0)
      let running = try JSONValue(parsing: await status(directory, "-o", "json").output)
      #expect(running["controllerRunning"] == true)
      lease = nil
      let run = await status(directory)
      #expect(run.code == 1, "\(run)")
      #expect(
        Array(run.lines[1...2]) == [
          "checked 8s ago at commit 1a2b3c4",
          "the controller is not running: no process holds the lease of fleet support; last heartbeat 8s ago; "
            + "nothing is reconciled until it is started again, with \"setpoint run -f DIR --fleet support --host "
            + "\(Self.host) --state \(directory)\"",
        ], "\(run)")
      // Without a controller, nothing is checked in 42 seconds.
      let row = try #require(run.lines.last)
      #expect(row.hasPrefix("champion ") && row.contains("the same   -"), "\(run)")
      let json = await status(directory, "champion", "-o", "json")
      #expect(json.code == 1)
      #expect(try JSONValue(parsing: json.output)["controllerRunning"] == false)
    }
  }

  @Test func `the command that starts a controller again has its options, and observe mode is named`() async throws {
    try await withTemporaryDirectory { directory in
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      try await history.save(
        [champion], fleet: "support", host: Self.host, at: at(-8),
        report: FleetReport(
          interval: .seconds(5), stoppedAt: at(-8), mode: "observe",
          startArguments: ["-f", "/my manifests", "--mode", "observe", "--fleet", "support"]))
      let run = await status(directory)
      #expect(run.lines[1] == "checked 8s ago, mode: observe", "\(run)")
      #expect(
        run.lines[2].hasSuffix(
          "with \"setpoint run -f '/my manifests' --mode observe --fleet support --host \(Self.host) --state "
            + "\(directory)\""), "\(run)")
      let json = try JSONValue(parsing: await status(directory, "-o", "json").output)
      #expect(json["mode"] == "observe")
      let endpoint = json["endpoints"]?.arrayValue?.first
      #expect(endpoint?["next"] == nil && endpoint?["nextAt"] == nil, "nothing is checked again: \(json)")
    }
  }

  @Test func `a recorded check that is over is followed by others within the interval`() async throws {
    try await withTemporaryDirectory { directory in
      let quiet = EndpointStatus(
        name: "quiet", desired: "m/4, CPU Small", live: "m/4, CPU Small", phase: .inSync, reason: .inSync,
        since: at(-7200), next: "check again", nextAt: at(-7140), lastCheck: at(-7200))
      try await write([quiet], to: directory)
      let row = try #require(await status(directory, "-o", "wide").lines.last)
      #expect(row.contains("<1m00s") && row.contains("check again within 1m00s"), "\(row)")
    }
  }

  @Test func `a command that the table truncates is printed in full below it, once for all endpoints`() async throws {
    try await withTemporaryDirectory { directory in
      let why =
        "GET /api/2.0/serving-endpoints/chat: the serving plane at http://127.0.0.1:7387 is not running; "
        + "start it with \"setpoint serve --data /srv/plane\""
      let statuses = ["e1", "e2"].map {
        EndpointStatus(
          name: $0, phase: .degraded, reason: .retrying, why: why, since: at(-300), lastCheck: at(-8))
      }
      try await write(statuses, to: directory)
      #expect(await status(directory).lines.last == "e1 and 1 more: \(why)")
      #expect(await status(directory, "-o", "wide").lines.last?.hasPrefix("e2 ") == true)
    }
  }

  @Test(arguments: [true, false])
  func `an endpoint that was deleted is reported as missing, with what happens next`(isRunning: Bool) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("chat", tags: ["setpoint-fleet": "support"])
    try await withTemporaryDirectory { directory in
      let held = EndpointStatus(
        name: "chat", desired: "m/3, CPU Small", live: "m/2, CPU Small", phase: .held, reason: .quarantined,
        why: "this config failed", since: at(-300), lastCheck: at(-300))
      try await write([held, champion], to: directory)
      let now = at(0)
      var lease: FileLease? = FileLease(directory: directory, provider: Self.host, fleet: "support", now: { now })
      #expect(try await lease?.acquire() == true)
      if !isRunning { lease = nil }
      #expect(await status(directory).output.contains("setpoint retry chat"))
      let deleted = await CommandRun(
        ["delete", "chat", "--fleet", "support", "--state", directory], workspace: workspace)
      #expect(deleted.code == 0, "\(deleted)")
      let run = await status(directory)
      #expect(!run.output.contains("setpoint retry"), "\(run)")
      let row = try #require(run.lines.first { $0.hasPrefix("chat ") })
      #expect(row.contains("does not exist") && row.contains("deleted since the controller's last check"), "\(run)")
      let last = try #require(run.lines.last)
      #expect(last.hasPrefix("chat: the endpoint does not exist; "), "\(run)")
      #expect(last.contains(isRunning ? "the controller creates it at its next check" : "\"setpoint apply -f FILE "))
      #expect(run.code == (isRunning ? 0 : 1), "\(run)")
      // Something that happened afterwards is newer than the deletion.
      let history = try HistoryStore.open(in: StateDirectory(path: directory))
      try await history.note(
        HistoryEvent(at: at(1), what: "creating with revision 1 (abc)"), of: EndpointKey(host: Self.host, name: "chat"))
      #expect(await status(directory).output.contains("setpoint retry chat"))
      withExtendedLifetime(lease) {}
    }
  }

  @Test func `a controller whose lease belonged to another machine is not reported as stopped`() async throws {
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory)
      let now = at(0)
      var lease: FileLease? = FileLease(directory: directory, provider: Self.host, fleet: "support", now: { now })
      #expect(try await lease?.acquire() == true)
      let path = try #require(lease?.path)
      lease = nil
      try Data("pid 7 on another.example.com since 2026-01-01T00:00:00Z\n".utf8).write(to: URL(filePath: path))
      let run = await status(directory, "-o", "json")
      #expect(run.code == 0, "\(run)")
      #expect(try JSONValue(parsing: run.output)["controllerRunning"] == nil)
    }
  }

  @Test func `get, describe and events -f report a killed controller`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("champion", tags: ["setpoint-fleet": "support"])
    try await withTemporaryDirectory { directory in
      try await write([champion], to: directory)
      let now = at(0)
      var lease: FileLease? = FileLease(directory: directory, provider: Self.host, fleet: "support", now: { now })
      #expect(try await lease?.acquire() == true)
      lease = nil
      let get = await CommandRun(["get", "--state", directory], workspace: workspace)
      #expect(!get.output.contains("PHASE"), "\(get)")
      let describe = await CommandRun(["describe", "champion", "--state", directory], workspace: workspace)
      #expect(describe.output.contains("  the controller is not running: no process holds the lease"), "\(describe)")
      let json = await CommandRun(
        ["describe", "champion", "-o", "json", "--state", directory], workspace: workspace)
      #expect(
        try JSONValue(parsing: json.output)["controllers"]?.arrayValue?.first?["controllerRunning"] == false, "\(json)")
      let events = await CommandRun(
        ["events", "-f", "--state", directory], environment: [:], interruption: { true })
      #expect(events.notes.hasPrefix("warning: the controller is not running: "), "\(events)")
    }
  }

  @Test
  func `a withheld deletion of many endpoints needs attention, and its row shows the whole remedy`() async throws {
    try await withTemporaryDirectory { directory in
      let words = try #require(Plan.massDeletion(2000, of: 5000))
      let going = ["e1", "e2"].map {
        EndpointStatus(
          name: $0, live: "m/1, CPU Small", phase: .withheld, reason: .massDeletion, why: words, since: at(-300),
          next: "check again", nextAt: at(42), lastCheck: at(-8))
      }
      try await write(going + [champion], to: directory)
      let run = await status(directory)
      #expect(run.code == 1)
      #expect(run.lines[4].hasPrefix("e1 ") && run.lines[4].hasSuffix(words), "\(run)")
      #expect(
        run.lines.last
          == "e1 and 1 more: check that the removal from the source is intended, then start \"setpoint run\" with "
          + "--allow-mass-delete", "\(run)")
      #expect(
        try JSONValue(parsing: await status(directory, "-o", "json").output)["endpoints"]?.arrayValue?
          .compactMap { $0["needsPerson"]?.boolValue } == [false, true, true])
    }
  }

  @Test(arguments: [Reason.Code.pruningOff, .notRecordedHere])
  func `an endpoint that stays without a manifest is shown with the whole command that deletes it`(
    reason: Reason.Code
  ) async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("e1", tags: ["setpoint-fleet": "support"])
    try await withTemporaryDirectory { directory in
      let staying = ["e1", "e2"].map {
        EndpointStatus(
          name: $0, live: "m/1, CPU Small", phase: .withheld, reason: reason,
          why: "it has no manifest, and pruning is off", since: at(-300), lastCheck: at(-8))
      }
      let rest = " --fleet support --host \(Self.host) --state \(directory)\" deletes "
      try await write([staying[0], champion], to: directory)
      let one = await status(directory)
      #expect(one.lines.last == "e1: \"setpoint delete e1\(rest)it", "\(one)")
      #expect(one.code == 0, "nothing is wrong")
      try await write([staying[1]], to: directory)
      let several = await status(directory)
      #expect(
        several.lines.last == "e1 and 1 more: \"setpoint delete NAME\(rest)an endpoint that is not needed",
        "\(several)")
      let describe = await CommandRun(["describe", "e1", "--state", directory], workspace: workspace)
      #expect(
        describe.output.contains(
          "it has no manifest, and pruning is off; \"setpoint delete e1 --fleet support"), "\(describe)")
    }
  }

  @Test func `a long reason is truncated between two words`() async throws {
    try await withTemporaryDirectory { directory in
      let why = String(repeating: "no ", count: 23) + "remedy --allow-mass-delete does it"
      let cut = EndpointStatus(
        name: "e1", phase: .withheld, reason: .drift, why: why, since: at(-300), lastCheck: at(-8))
      try await write([cut], to: directory)
      let row = try #require(await status(directory).lines.last)
      #expect(row.hasSuffix("no remedy…"), "\(row)")
    }
  }
}
