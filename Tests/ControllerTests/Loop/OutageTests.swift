import Controller
import ControllerKit
import Endpoints
import History
import Planning
import Scheduling
import ServingAPI
import Synchronization
import TestKit
import Testing

/// The cost of a provider that is down for an hour, in calls and in messages.
@Suite struct OutageTests {
  struct Outage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let fault: WorkspaceDouble.Fault
    /// A part of the message to the user.
    let words: String
    /// The server's Retry-After.
    var pause: Duration = .zero
    /// The duration of a response.
    var delay: Duration = .zero

    /// The wait after so many failures: the server's Retry-After, otherwise the backoff.
    func step(_ failures: Int) -> Duration {
      FleetController.backoff.pause(asked: pause, chance: 0.5)
        ?? FleetController.backoff.delay(afterFailures: failures, chance: 0.5)
    }
  }

  private static let page = "<!DOCTYPE html><html><body>Sign in to continue</body></html>"

  static let outages = [
    Outage(testDescription: "connection refused", fault: .refuseConnection, words: "refused"),
    Outage(testDescription: "connections reset", fault: .loseRequest, words: "reset"),
    Outage(testDescription: "slow, then reset", fault: .loseRequest, words: "reset", delay: .seconds(10)),
    Outage(
      testDescription: "401",
      fault: .answer(status: 401, errorCode: "UNAUTHENTICATED", message: "The token has expired."),
      words: "The token has expired"),
    Outage(
      testDescription: "a login page with 200",
      fault: .response(status: 200, headers: ["Content-Type": "text/html"], body: page), words: "login page"),
    Outage(
      testDescription: "a page with 502",
      fault: .response(status: 502, headers: ["Content-Type": "text/html"], body: page), words: "502"),
    Outage(
      testDescription: "503 with Retry-After",
      fault: .response(
        status: 503, headers: ["Retry-After": "120"],
        body: #"{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "down for maintenance"}"#),
      words: "down for maintenance", pause: .seconds(120)),
    Outage(
      testDescription: "429 with Retry-After: 0",
      fault: .response(
        status: 429, headers: ["Retry-After": "0"],
        body: #"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}"#),
      words: "slow down"),
  ]

  /// The start of the outage.
  enum Stage: String, CaseIterable, Sendable { case inSync, updating }

  @Test(arguments: outages, Stage.allCases)
  func `an outage of one hour costs one call for each step of the backoff and is reported in plain words`(
    outage: Outage, stage: Stage
  ) async throws {
    let workspace = WorkspaceDouble()
    ControllerEnvironment.setVersions(workspace)
    workspace.setBehavior(.ready(polls: 3), model: ControllerEnvironment.model, version: "2")
    let environment = ControllerEnvironment(workspace, try ControllerEnvironment().history)
    let harness = ControllerHarness(environment)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "c1")
    try await harness.settle()
    if stage == .updating {
      harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
      harness.reportChange()
      try await harness.run(for: .milliseconds(10))
      #expect(workspace.writes.contains { $0.method == "PUT" })
    }
    let wasLive = workspace.text(of: "chat")
    let times = Mutex<[Timestamp]>([])
    workspace.setPlan { _, call in
      environment.advance(outage.delay)
      if call.path.hasSuffix("/chat") { times.withLock { $0.append(environment.now) } }
      return outage.fault
    }
    try await harness.run(for: .seconds(3600))
    let calls = times.withLock(\.self)
    let bound = Self.mostCalls(in: .seconds(3600), outage)
    #expect(calls.count <= bound && calls.count >= bound / 2, "\(calls.count) calls, at most \(bound) are due")
    for (failures, (one, next)) in zip(calls, calls.dropFirst()).enumerated() {
      #expect(next - one >= outage.step(failures + 1), "call \(failures + 1) came \(next - one) after the last")
    }
    let status = try #require(await harness.status())
    #expect(status.phase == .degraded && status.why.contains(outage.words), "\(status.phase): \(status.why)")
    #expect(workspace.text(of: "chat") == wasLive)
    let report = await harness.controller.fleetStatus.report
    #expect(report.problems.contains { $0.contains(outage.words) }, "\(report.problems)")

    workspace.setPlan { _, _ in nil }
    try await harness.run(for: .seconds(400))
    #expect(await harness.status()?.phase == .inSync)
    #expect(environment.liveVersion() == (stage == .updating ? "2" : "1"))
  }

  @Test func `the next check is reported at its real time, and a readable list ends the back-off`() async throws {
    let environment = try ControllerEnvironment()
    ControllerEnvironment.setVersions(environment.workspace)
    let harness = ControllerHarness(environment)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")], commit: "c1")
    try await harness.settle()
    environment.workspace.setPlan { _, _ in .refuseConnection }
    try await harness.run(for: .seconds(600))
    let nextAt = try #require(await harness.status()?.nextAt)
    let ready = ControllerEnvironment.beginning + (try #require(harness.queue.readyTime(of: "chat")))
    #expect(max(nextAt, ready) - min(nextAt, ready) <= .milliseconds(1))
    #expect(nextAt > environment.now)
    environment.workspace.setPlan { _, _ in nil }
    try await harness.run(for: harness.options.interval * 1.2)
    let status = try #require(await harness.status())
    #expect(status.phase == .inSync, "\(status.phase): \(status.why)")
  }

  /// How many steps of the backoff start within a period, including the first call.
  private static func mostCalls(in time: Duration, _ outage: Outage) -> Int {
    var (calls, passed) = (1, Duration.zero)
    while passed <= time {
      passed += outage.step(calls) + outage.delay
      calls += 1
    }
    return calls
  }
}
