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
  typealias World = ControllerWorld

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
        description: "create", fleet: World.fleet(World.endpoint("1", name: "new")), liveVersion: "1", rollouts: 1),
      Scenario(description: "update", fleet: World.fleet(World.endpoint("2")), liveVersion: "2", rollouts: 1),
      Scenario(description: "failed update", fleet: World.fleet(World.endpoint("3")), liveVersion: "1", rollouts: 1),
      Scenario(
        description: "failed verification",
        fleet: World.fleet(
          World.endpoint("4", rollout: RolloutPolicy(checks: [VerificationCheck(prompt: "hi", contains: "Hello")]))),
        liveVersion: "1", rollouts: 2),
    ]
  }

  private func world() async throws -> World {
    let world = try World()
    world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready, 3: .ready, 4: .ready])
    world.workspace.setFate(.fails(message: "unsupported dtype"), model: World.model, version: "3")
    world.workspace.setAnswer("mumble", model: World.model, version: "4")
    try await world.apply(World.fleet(World.endpoint("1")))
    world.workspace.forgetCalls()
    return world
  }

  /// Runs until a run ends by itself.
  private func settle(_ scenario: Scenario, in world: World) async throws {
    for _ in 0..<10 {
      if world.workspace.isCrashed { world.workspace.restart() }
      _ = try? await world.apply(scenario.fleet)
      if !world.workspace.isCrashed { return }
    }
    Issue.record("\(scenario): crashed repeatedly")
  }

  private func rollouts(_ world: World) -> Int {
    world.workspace.writes.filter { $0.method == "PUT" || $0.method == "POST" }.count
  }

  @Test(arguments: [WorkspaceDouble.Fault.crashBefore, .crashAfter, .loseAnswer, .loseRequest, .refuseConnection])
  func `a fault at any call does not change the outcome`(fault: WorkspaceDouble.Fault) async throws {
    for scenario in scenarios() {
      let undisturbed = try await world()
      try await settle(scenario, in: undisturbed)
      let name = scenario.description == "create" ? "new" : "chat"
      #expect(undisturbed.liveVersion(name) == scenario.liveVersion, "\(scenario)")
      #expect(rollouts(undisturbed) == scenario.rollouts, "\(scenario)")
      let calls = undisturbed.workspace.calls.count

      for disturbed in 0..<calls {
        let world = try await world()
        world.workspace.setPlan { number, _ in number == disturbed ? fault : nil }
        try await settle(scenario, in: world)
        // A run that only gave up at a refused connection is repeated, as a user would.
        world.workspace.setPlan { _, _ in nil }
        try await settle(scenario, in: world)
        #expect(world.liveVersion(name) == scenario.liveVersion, "\(scenario), \(fault) at call \(disturbed)")
        #expect(
          rollouts(world) <= scenario.rollouts + 1,
          "\(scenario), \(fault) at call \(disturbed): \(world.workspace.writes)")
        if fault == .crashAfter || fault == .loseAnswer {
          #expect(
            rollouts(world) == scenario.rollouts,
            "\(scenario), \(fault) at call \(disturbed) sent what had landed again: \(world.workspace.writes)")
        }
      }
    }
  }
}
