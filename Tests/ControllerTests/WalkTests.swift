import Controller
import ControllerKit
import Endpoints
import Planning
import ServingAPI
import TestKit
import Testing

@Suite struct WalkTests {
  typealias World = ControllerWorld

  private func world() throws -> World {
    let world = try World()
    world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready, 3: .ready, 4: .ready])
    return world
  }

  @Test func `applying a new manifest creates the endpoint and ends when it is ready`() async throws {
    let world = try world()
    let results = try await world.apply(World.fleet(World.endpoint("1")))
    #expect(results.map(\.isInSync) == [true])
    #expect(world.liveVersion() == "1")
    #expect(world.workspace.endpoint("chat")?.tags["setpoint-fleet"] == "test")
    #expect(results.first?.calls == ["POST /api/2.0/serving-endpoints"])
  }

  @Test func `applying twice sends nothing the second time, and the diff is empty`() async throws {
    let world = try world()
    let fleet = World.fleet(World.endpoint("1", tags: ["team": "a"]))
    try await world.apply(fleet)
    world.workspace.forgetCalls()
    let results = try await world.apply(fleet)
    #expect(results.isEmpty)
    #expect(world.workspace.writes.isEmpty)
    #expect(try await world.diff(fleet).isInSync)
  }

  @Test func `an update is one PUT, and a failed one is rolled back automatically and held`() async throws {
    let world = try world()
    try await world.apply(World.fleet(World.endpoint("1")))
    world.workspace.setFate(.fails(message: "out of memory: CUDA out of memory"), model: World.model, version: "3")
    world.workspace.forgetCalls()
    let broken = World.fleet(World.endpoint("3"))
    let results = try await world.apply(broken)
    #expect(results.map(\.holdCode) == [.quarantined])
    #expect(results.map(\.isSuccess) == [false])
    #expect(world.liveVersion() == "1")
    #expect(world.workspace.writes.filter { $0.method == "PUT" }.count == 1)

    world.workspace.forgetCalls()
    let again = try await world.apply(broken)
    #expect(again.map(\.holdCode) == [.quarantined])
    #expect(world.workspace.writes.isEmpty)
    #expect(try await world.diff(broken).needsPerson)

    let mended = try await world.apply(World.fleet(World.endpoint("2")))
    #expect(mended.map(\.isInSync) == [true])
    #expect(world.liveVersion() == "2")
    #expect(world.workspace.endpoint("chat")?.tags["setpoint-held"] == nil)
  }

  @Test func `a version that answers incorrectly is rolled back although it became ready`() async throws {
    let world = try world()
    let check = VerificationCheck(prompt: "Say hello.", contains: "Hello")
    let policy = RolloutPolicy(checks: [check])
    try await world.apply(World.fleet(World.endpoint("1", rollout: policy)))
    world.workspace.setAnswer("mumble", model: World.model, version: "2")
    let results = try await world.apply(World.fleet(World.endpoint("2", rollout: policy)))
    #expect(results.map(\.holdCode) == [.quarantined])
    #expect(world.liveVersion() == "1")
  }

  @Test func `with onFailure Hold, the failed config stays and waits for a user`() async throws {
    let world = try world()
    let policy = RolloutPolicy(onFailure: .hold, checks: [VerificationCheck(prompt: "hi", contains: "Hello")])
    try await world.apply(World.fleet(World.endpoint("1", rollout: policy)))
    world.workspace.setAnswer("mumble", model: World.model, version: "2")
    let results = try await world.apply(World.fleet(World.endpoint("2", rollout: policy)))
    #expect(results.map(\.holdCode) == [.quarantined])
    #expect(world.liveVersion() == "2")
  }

  @Test func `a user's rollback stays in force, and retry undoes it`() async throws {
    let world = try world()
    try await world.apply(World.fleet(World.endpoint("1")))
    let second = World.fleet(World.endpoint("2"))
    try await world.apply(second)
    let reconciler = world.reconciler()
    try await reconciler.rollBack("chat", to: nil)
    let back = await world.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    #expect(back.map(\.holdCode) == [.rolledBack])
    #expect(world.liveVersion() == "1")

    #expect(try await world.apply(second).map(\.holdCode) == [.rolledBack])
    #expect(world.liveVersion() == "1")

    try await reconciler.retry("chat")
    #expect(try await world.apply(second).map(\.isInSync) == [true])
    #expect(world.liveVersion() == "2")
  }

  @Test func `an endpoint outside the fleet is left alone unless adopted`() async throws {
    let world = try world()
    world.workspace.foreignEdit("chat", config: World.config("1"))
    _ = try await world.workspace.provider.observe("chat")
    let fleet = World.fleet(World.endpoint("2"))
    world.workspace.forgetCalls()
    #expect(try await world.apply(fleet).map(\.holdCode) == [.conflict])
    #expect(world.workspace.writes.isEmpty)

    let adopting = DecisionOptions(fleet: "test", adopt: true)
    #expect(try await world.apply(fleet, options: adopting).map(\.isInSync) == [true])
    #expect(world.liveVersion() == "2")
    let reconciler = world.reconciler()
    try await reconciler.rollBack("chat", to: nil)
    _ = await world.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    #expect(world.liveVersion() == "1", "the adopted config is a rollback target")
  }

  @Test
  func `pruning deletes only unprotected endpoints of the fleet that are surely gone from the source`() async throws {
    let world = try world()
    let keep = World.endpoint("1", name: "keep")
    let retained = World.endpoint("1", name: "retained", deletionPolicy: .retain)
    try await world.apply(World.fleet(keep, World.endpoint("1", name: "gone"), retained))
    world.workspace.foreignEdit("stranger", config: World.config("1"))
    let prune = DecisionOptions(fleet: "test", prune: true)

    try await world.apply(World.fleet(keep, isComplete: false), options: prune)
    #expect(world.workspace.endpoint("gone") != nil, "an incomplete source deletes nothing")

    try await world.apply(World.fleet(keep), options: prune)
    #expect(world.workspace.endpoint("gone") == nil)
    #expect(world.workspace.endpoint("retained") != nil)
    #expect(world.workspace.endpoint("stranger") != nil)
    #expect(world.workspace.endpoint("keep") != nil)
  }

  @Test func `without waiting, apply ends with what it sent, and the next apply continues`() async throws {
    let world = try world()
    let fleet = World.fleet(World.endpoint("1"))
    let first = try await world.apply(fleet, limits: ConvergenceLimits(waits: false))
    #expect(first.map(\.isSuccess) == [true])
    #expect(first.map(\.isInSync) == [false])
    world.workspace.forgetCalls()
    #expect(try await world.apply(fleet).map(\.isInSync) == [true])
    #expect(world.workspace.writes.isEmpty)
  }

  @Test func `a rollout that never ends is reported as timed out and left alone`() async throws {
    let world = try world()
    world.workspace.setFate(.hangs, model: World.model, version: "1")
    let results = try await world.apply(
      World.fleet(World.endpoint("1")), limits: ConvergenceLimits(timeout: .seconds(4 * 3600)))
    guard case .underWay(let reason, true) = results.first?.ending else {
      Issue.record("ended \(String(describing: results.first?.ending))")
      return
    }
    #expect(reason.code == .overdue)
    #expect(world.workspace.endpoint("chat") != nil)
  }

  @Test func `a provider that is briefly unreadable does not end an apply`() async throws {
    let world = try world()
    let reconciler = world.reconciler()
    world.workspace.setFate(.ready(polls: 4), model: World.model, version: "1")
    let fleet = World.fleet(World.endpoint("1"))
    let unreadable = WorkspaceDouble.Fault.answer(status: 403, errorCode: "PERMISSION_DENIED", message: "not now")
    world.workspace.setPlan { number, call in call.method == "GET" && (5...6).contains(number) ? unreadable : nil }
    let results = await world.converge(["chat"], of: fleet, reconciler)
    #expect(results.map(\.isInSync) == [true])
  }

  @Test func `after a retry, a rollout with steps goes through its steps and checks again`() async throws {
    let world = try world()
    let steps = [RolloutStep(traffic: 0), RolloutStep(traffic: 10)]
    let policy = RolloutPolicy(checks: [VerificationCheck(prompt: "hi", contains: "Hello")], steps: steps)
    try await world.apply(World.fleet(World.endpoint("1", rollout: policy)))
    world.workspace.setAnswer("mumble", model: World.model, version: "2")
    let second = World.fleet(World.endpoint("2", rollout: policy))
    #expect(try await world.apply(second).map(\.holdCode) == [.quarantined])
    world.workspace.setAnswer("Hello again", model: World.model, version: "2")
    world.workspace.forgetCalls()
    let reconciler = world.reconciler()
    let wanted = try await reconciler.standing("chat")
    try await reconciler.retry("chat")
    #expect(await world.converge(["chat"], of: wanted, reconciler).map(\.isInSync) == [true])
    #expect(world.liveVersion() == "2")
    #expect(world.workspace.writes.count { $0.path.hasSuffix("/config") } == 3, "0 %, 10 %, all of it")
  }

  @Test func `a retry of a previously good config says plainly that it skips the steps`() async throws {
    let world = try world()
    let policy = RolloutPolicy(steps: [RolloutStep(traffic: 10)])
    try await world.apply(World.fleet(World.endpoint("1", rollout: policy)))
    try await world.apply(World.fleet(World.endpoint("2", rollout: policy)))
    let reconciler = world.reconciler()
    let back = try await reconciler.rollbackPlan("chat", to: nil)
    #expect(back.changes.first?.warnings == ["it is rolled back at once; steps apply to new versions only"])
    try await reconciler.rollBack("chat", to: nil)
    _ = await world.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    let again = try #require(try await reconciler.retryPlan("chat"))
    #expect(
      again.changes.first?.warnings == ["all of the traffic moves at once, without steps: revision 2 was good before"])
  }

  @Test func `a retry of a version that no longer exists sends nothing and says so`() async throws {
    let world = try world()
    try await world.apply(World.fleet(World.endpoint("1")))
    world.workspace.setFate(.fails(message: "unsupported dtype"), model: World.model, version: "3")
    #expect(try await world.apply(World.fleet(World.endpoint("3"))).map(\.holdCode) == [.quarantined])
    world.workspace.setModel(World.model, versions: [1: .ready])
    world.workspace.forgetCalls()
    let reconciler = world.reconciler()
    let wanted = try await reconciler.standing("chat")
    try await reconciler.retry("chat")
    #expect(await world.converge(["chat"], of: wanted, reconciler).map(\.holdCode) == [.blocked])
    #expect(!world.workspace.writes.contains { $0.path.hasSuffix("/config") })
  }
}
