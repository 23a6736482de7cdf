import Controller
import ControllerKit
import Endpoints
import Planning
import ServingAPI
import TestKit
import Testing

/// Whatever call a crash or a lost response hits, running again ends where the undisturbed run ends, and nothing that
/// took effect is sent twice.
@Suite struct CrashTests {
  typealias Environment = ControllerEnvironment

  private struct Scenario: Sendable, CustomStringConvertible {
    let description: String
    let fleet: DesiredFleet
    let liveVersion: String
    /// The number of PUTs and POSTs in the undisturbed run.
    let rollouts: Int
  }

  private func scenarios() -> [Scenario] {
    [
      Scenario(
        description: "create", fleet: Environment.fleet(Environment.endpoint("1", name: "new")), liveVersion: "1",
        rollouts: 1),
      Scenario(
        description: "update", fleet: Environment.fleet(Environment.endpoint("2")), liveVersion: "2", rollouts: 1),
      Scenario(
        description: "failed update", fleet: Environment.fleet(Environment.endpoint("3")), liveVersion: "1", rollouts: 1
      ),
      Scenario(
        description: "failed verification",
        fleet: Environment.fleet(
          Environment.endpoint(
            "4", rollout: RolloutPolicy(checks: [VerificationCheck(prompt: "hi", contains: "Hello")]))),
        liveVersion: "1", rollouts: 2),
    ]
  }

  private func environment() async throws -> Environment {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready, 3: .ready, 4: .ready])
    environment.workspace.setBehavior(.fails(message: "unsupported dtype"), model: Environment.model, version: "3")
    environment.workspace.setAnswer("mumble", model: Environment.model, version: "4")
    try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    environment.workspace.forgetCalls()
    return environment
  }

  /// Runs until a run ends by itself.
  private func settle(_ scenario: Scenario, in environment: Environment) async throws {
    for _ in 0..<10 {
      if environment.workspace.isCrashed { environment.workspace.restart() }
      _ = try? await environment.apply(scenario.fleet)
      if !environment.workspace.isCrashed { return }
    }
    Issue.record("\(scenario): crashed repeatedly")
  }

  private func rollouts(_ environment: Environment) -> Int {
    environment.workspace.writes.filter { $0.method == "PUT" || $0.method == "POST" }.count
  }

  @Test(arguments: [WorkspaceDouble.Fault.crashBefore, .crashAfter, .loseAnswer, .loseRequest, .refuseConnection])
  func `a fault at any call does not change the outcome`(fault: WorkspaceDouble.Fault) async throws {
    for scenario in scenarios() {
      let undisturbed = try await environment()
      try await settle(scenario, in: undisturbed)
      let name = scenario.description == "create" ? "new" : "chat"
      #expect(undisturbed.liveVersion(name) == scenario.liveVersion, "\(scenario)")
      #expect(rollouts(undisturbed) == scenario.rollouts, "\(scenario)")
      let calls = undisturbed.workspace.calls.count

      for disturbed in 0..<calls {
        let environment = try await environment()
        environment.workspace.setPlan { number, _ in number == disturbed ? fault : nil }
        try await settle(scenario, in: environment)
        // A run that only gave up at a refused connection is repeated, as a user would.
        environment.workspace.setPlan { _, _ in nil }
        try await settle(scenario, in: environment)
        #expect(environment.liveVersion(name) == scenario.liveVersion, "\(scenario), \(fault) at call \(disturbed)")
        #expect(
          rollouts(environment) <= scenario.rollouts + 1,
          "\(scenario), \(fault) at call \(disturbed): \(environment.workspace.writes)")
        if fault == .crashAfter || fault == .loseAnswer {
          #expect(
            rollouts(environment) == scenario.rollouts,
            "\(scenario), \(fault) at call \(disturbed) sent what had landed again: \(environment.workspace.writes)")
        }
      }
    }
  }
}
