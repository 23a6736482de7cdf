import Commands
import LibCurl
import ServingAPI
import Synchronization
import TestKit
import Testing

/// A command that waits for a response says so.
@Suite struct IdleReminderTests {
  @Test func `a provider that does not answer is named within fifteen seconds`() async throws {
    let workspace = WorkspaceDouble()
    try await workspace.serve("support-chat")
    let double = workspace.transport
    let timing = TestTiming()
    let beats = Mutex(0)
    let isAsked = Mutex(false)
    let (waited, wait) = AsyncStream.makeStream(of: Void.self)
    let run = await CommandRun(
      ["get"], workspace: workspace,
      transport: { request in
        isAsked.withLock { $0 = true }
        for await _ in waited {}
        return try await double(request)
      }, timing: timing,
      heartbeat: {
        await Task.yield()
        guard isAsked.withLock({ $0 }) else { return !Task.isCancelled }
        // One second per beat; what is due at a beat has been printed by the next one.
        timing.advance(by: .seconds(1))
        let count = beats.withLock { beats in
          beats += 1
          return beats
        }
        if count == 40 { wait.finish() }
        return count < 40 && !Task.isCancelled
      })
    #expect(run.code == 0, "\(run)")
    let lines = run.notes.split(separator: "\n").filter {
      $0.hasPrefix("still waiting for GET https://workspace.example.com/api")
    }
    #expect(lines.count == 2, "\(run)")
    #expect(lines.first?.hasSuffix("(14s)") == true, "\(run)")
    #expect(run.output.contains("support-chat"))
  }

  @Test func `a command that runs until it is stopped prints no such notice`() async throws {
    try await withTemporaryDirectory { state in
      let timing = TestTiming()
      let run = await CommandRun(
        ["events", "--state", state], timing: timing,
        heartbeat: {
          timing.advance(by: .seconds(60))
          return !Task.isCancelled
        })
      #expect(!run.notes.contains("still waiting"), "\(run)")
    }
  }
}
