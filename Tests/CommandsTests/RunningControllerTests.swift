import CanonicalJSON
import Commands
import Controller
import FoundationEssentials
import History
import Planning
import TestKit
import Testing

/// Commands that change a fleet beside a running controller, which may undo what they do.
@Suite struct RunningControllerTests {
  private static let host = "https://workspace.example.com"
  private static let warning = "warning: a controller manages fleet \"default\" (pid "
  private let now = Timestamp(milliseconds: 1_767_225_600_000)

  /// Holds the lease as a controller with the harness's state directory does.
  private func acquireLease(_ harness: ApplyHarness, fleet: String = "default") async throws -> FileLease {
    let now = now
    let lease = FileLease(directory: "\(harness.directory)/state", provider: Self.host, fleet: fleet, now: { now })
    #expect(try await lease.acquire())
    return lease
  }

  /// Saves the status that a controller reports, with the config of its manifest: that of a revision.
  private func report(_ desired: String, revision: Int, _ harness: ApplyHarness) async throws {
    let history = try HistoryStore.open(in: StateDirectory(path: "\(harness.directory)/state"))
    let revisions = try await history.revisions(of: EndpointKey(host: Self.host, name: "support-chat"))
    let digest = try #require(revisions.last(where: { $0.number == revision })?.digest)
    let status = EndpointStatus(
      name: "support-chat", desired: desired, desiredDigest: digest, phase: .inSync, reason: .inSync, since: now,
      lastCheck: now)
    try await history.save([status], fleet: "default", host: Self.host, at: now, report: FleetReport())
  }

  @Test func `apply warns before it changes a fleet that a controller manages`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      let alone = await harness.apply()
      #expect(alone.code == 0 && !alone.notes.contains("a controller manages"), "\(alone)")
      let lease = try await acquireLease(harness)
      let unchanged = await harness.apply()
      #expect(unchanged.code == 0 && !unchanged.notes.contains("a controller manages"), "nothing would be undone")

      try harness.write(Manifests.chat(version: "2"))
      for run in [await harness.diff(), await harness.apply("--dry-run")] {
        #expect(!(run.output + run.notes).contains("a controller manages"), "nothing is sent: \(run)")
      }
      let changed = await harness.apply()
      #expect(changed.code == 0, "\(changed)")
      #expect(changed.notes.split(separator: Self.warning).count == 2, "once: \(changed)")
      #expect(changed.notes.contains("so it undoes changes that they do not contain\n"), "\(changed)")
      #expect(
        changed.notes.contains(
          "    next: instead, change the manifests that the controller reads, or pause the controller with its pause "
            + "file (default: \(harness.directory)/state/paused)\n"), "\(changed)")
      let warned = try #require(changed.notes.firstRange(of: Self.warning))
      let sent = try #require(changed.notes.firstRange(of: "support-chat: updating: PUT "))
      #expect(warned.lowerBound < sent.lowerBound, "the warning comes first")

      try harness.write(Manifests.chat(version: "4"))
      let plan = "\(harness.directory)/plan.json"
      #expect(await harness.diff("--out", plan).code == 1)
      let saved = await harness.run("apply", "--plan", plan, "-o", "json")
      #expect(saved.code == 0 && saved.notes.contains(Self.warning), "\(saved)")
      #expect(try JSONValue(parsing: saved.output)["succeeded"] == true)
      await lease.release()
      try harness.write(Manifests.chat(version: "5"))
      #expect(!(await harness.apply().notes.contains("a controller manages")), "the controller has stopped")
    }
  }

  @Test func `a controller of another fleet is not mentioned, and a paused one is reported as paused`() async throws {
    try await withApplyBench { harness in
      let other = try await acquireLease(harness, fleet: "other")
      try harness.write(Manifests.chat(version: "1"))
      #expect(!(await harness.apply().notes.contains("a controller manages")))
      await other.release()
      let lease = try await acquireLease(harness)
      try Data("incident 4711\n".utf8).write(to: URL(filePath: "\(harness.directory)/state/paused"))
      try harness.write(Manifests.chat(version: "2"))
      let run = await harness.apply()
      #expect(run.notes.contains("; it is paused; when it resumes, it reconciles the fleet"), "\(run)")
      #expect(
        run.notes.contains("instead, change the manifests that the controller reads, before it resumes\n"), "\(run)")
      await lease.release()
    }
  }

  @Test func `an apply that lifts a hold says that the controller may send the held config again`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      try harness.write(Manifests.chat(version: "3"))
      #expect(await harness.apply().code == 1)
      let lease = try await acquireLease(harness)
      try harness.write(Manifests.chat(version: "1"))
      let run = await harness.apply()
      #expect(
        run.notes.contains(
          "; this apply lifts the hold of support-chat, so the controller may send the held config again\n"), "\(run)")
      await lease.release()
    }
  }

  @Test func `a rollback is warned about only if the controller's manifest has another config than the held one`()
    async throws
  {
    try await withApplyBench { harness in
      for version in ["1", "2"] {
        try harness.write(Manifests.chat(version: version))
        #expect(await harness.apply().code == 0)
      }
      let lease = try await acquireLease(harness)
      try await report("main.support.hello/2 (@champion), CPU Small", revision: 2, harness)
      let kept = await harness.run("rollback", "support-chat")
      #expect(kept.code == 0 && !kept.notes.contains("a controller manages"), "\(kept)")
      let retried = await harness.run("retry", "support-chat")
      #expect(retried.code == 0 && !retried.notes.contains("a controller manages"), "\(retried)")
      // The same version with other engine flags has the same short form.
      try await report("main.support.hello/2, CPU Small", revision: 1, harness)
      let dry = await harness.run("rollback", "support-chat", "--dry-run")
      #expect(!dry.notes.contains("a controller manages"), "\(dry)")
      let undone = await harness.run("rollback", "support-chat")
      #expect(undone.code == 0 && undone.notes.contains(Self.warning), "\(undone)")
      #expect(
        undone.notes.contains(
          "; it lifts the hold of this rollback and sends its manifest's config "
            + "(main.support.hello/2, CPU Small) again\n"
        ), "\(undone)")
      await lease.release()
    }
  }

  @Test func `delete says that the controller creates the endpoint again while it has a manifest`() async throws {
    try await withApplyBench { harness in
      try harness.write(Manifests.chat(version: "1"))
      #expect(await harness.apply().code == 0)
      let lease = try await acquireLease(harness)
      let refused = await harness.run("delete", "support-chat", "nobody")
      #expect(refused.code == 1 && !refused.notes.contains("a controller manages"), "\(refused)")
      let run = await harness.run("delete", "support-chat")
      #expect(run.code == 0 && run.notes.contains(Self.warning), "\(run)")
      #expect(
        run.notes.contains("; it creates support-chat again as long as its source has a manifest for it\n"), "\(run)")
      #expect(run.notes.contains("next: remove the manifest from the controller's source first, or pause"), "\(run)")
      await lease.release()
    }
  }
}
