import Controller
import ControllerKit
import Endpoints
import Planning
import ServingAPI
import TestKit
import Testing

@Suite struct ReconcileTests {
  typealias Environment = ControllerEnvironment

  private func environment() throws -> Environment {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready, 3: .ready, 4: .ready])
    return environment
  }

  @Test func `applying a new manifest creates the endpoint and ends when it is ready`() async throws {
    let environment = try environment()
    let results = try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    #expect(results.map(\.isInSync) == [true])
    #expect(environment.liveVersion() == "1")
    #expect(environment.workspace.endpoint("chat")?.tags["setpoint-fleet"] == "test")
    #expect(results.first?.calls == ["POST /api/2.0/serving-endpoints"])
  }

  @Test func `applying twice sends nothing the second time, and the diff is empty`() async throws {
    let environment = try environment()
    let fleet = Environment.fleet(Environment.endpoint("1", tags: ["team": "a"]))
    try await environment.apply(fleet)
    environment.workspace.forgetCalls()
    let results = try await environment.apply(fleet)
    #expect(results.isEmpty)
    #expect(environment.workspace.writes.isEmpty)
    #expect(try await environment.diff(fleet).isInSync)
  }

  @Test func `an update is one PUT, and a failed one is rolled back automatically and held`() async throws {
    let environment = try environment()
    try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    environment.workspace.setBehavior(
      .fails(message: "out of memory: CUDA out of memory"), model: Environment.model, version: "3")
    environment.workspace.forgetCalls()
    let broken = Environment.fleet(Environment.endpoint("3"))
    let results = try await environment.apply(broken)
    #expect(results.map(\.holdCode) == [.quarantined])
    #expect(results.map(\.isSuccess) == [false])
    #expect(environment.liveVersion() == "1")
    #expect(environment.workspace.writes.filter { $0.method == "PUT" }.count == 1)

    environment.workspace.forgetCalls()
    let again = try await environment.apply(broken)
    #expect(again.map(\.holdCode) == [.quarantined])
    #expect(environment.workspace.writes.isEmpty)
    #expect(try await environment.diff(broken).needsPerson)

    let repaired = try await environment.apply(Environment.fleet(Environment.endpoint("2")))
    #expect(repaired.map(\.isInSync) == [true])
    #expect(environment.liveVersion() == "2")
    #expect(environment.workspace.endpoint("chat")?.tags["setpoint-held"] == nil)
  }

  @Test func `a version that answers incorrectly is rolled back although it became ready`() async throws {
    let environment = try environment()
    let check = VerificationCheck(prompt: "Say hello.", contains: "Hello")
    let policy = RolloutPolicy(checks: [check])
    try await environment.apply(Environment.fleet(Environment.endpoint("1", rollout: policy)))
    environment.workspace.setAnswer("mumble", model: Environment.model, version: "2")
    let results = try await environment.apply(Environment.fleet(Environment.endpoint("2", rollout: policy)))
    #expect(results.map(\.holdCode) == [.quarantined])
    #expect(environment.liveVersion() == "1")
  }

  @Test func `with onFailure Hold, the failed config stays and waits for a user`() async throws {
    let environment = try environment()
    let policy = RolloutPolicy(onFailure: .hold, checks: [VerificationCheck(prompt: "hi", contains: "Hello")])
    try await environment.apply(Environment.fleet(Environment.endpoint("1", rollout: policy)))
    environment.workspace.setAnswer("mumble", model: Environment.model, version: "2")
    let results = try await environment.apply(Environment.fleet(Environment.endpoint("2", rollout: policy)))
    #expect(results.map(\.holdCode) == [.quarantined])
    #expect(environment.liveVersion() == "2")
  }

  @Test func `a user's rollback stays in force, and retry undoes it`() async throws {
    let environment = try environment()
    try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    let second = Environment.fleet(Environment.endpoint("2"))
    try await environment.apply(second)
    let reconciler = environment.reconciler()
    try await reconciler.rollBack("chat", to: nil)
    let back = await environment.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    #expect(back.map(\.holdCode) == [.rolledBack])
    #expect(environment.liveVersion() == "1")

    #expect(try await environment.apply(second).map(\.holdCode) == [.rolledBack])
    #expect(environment.liveVersion() == "1")

    try await reconciler.retry("chat")
    #expect(try await environment.apply(second).map(\.isInSync) == [true])
    #expect(environment.liveVersion() == "2")
  }

  @Test func `an endpoint outside the fleet is left alone unless adopted`() async throws {
    let environment = try environment()
    environment.workspace.foreignEdit("chat", config: Environment.config("1"))
    _ = try await environment.workspace.provider.observe("chat")
    let fleet = Environment.fleet(Environment.endpoint("2"))
    environment.workspace.forgetCalls()
    #expect(try await environment.apply(fleet).map(\.holdCode) == [.conflict])
    #expect(environment.workspace.writes.isEmpty)

    let adopting = DecisionOptions(fleet: "test", adopt: true)
    #expect(try await environment.apply(fleet, options: adopting).map(\.isInSync) == [true])
    #expect(environment.liveVersion() == "2")
    let reconciler = environment.reconciler()
    try await reconciler.rollBack("chat", to: nil)
    _ = await environment.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    #expect(environment.liveVersion() == "1", "the adopted config is a rollback target")
  }

  @Test
  func `pruning deletes only unprotected endpoints of the fleet that are surely gone from the source`() async throws {
    let environment = try environment()
    let keep = Environment.endpoint("1", name: "keep")
    let retained = Environment.endpoint("1", name: "retained", deletionPolicy: .retain)
    try await environment.apply(Environment.fleet(keep, Environment.endpoint("1", name: "gone"), retained))
    environment.workspace.foreignEdit("stranger", config: Environment.config("1"))
    let prune = DecisionOptions(fleet: "test", prune: true)

    try await environment.apply(Environment.fleet(keep, isComplete: false), options: prune)
    #expect(environment.workspace.endpoint("gone") != nil, "an incomplete source deletes nothing")

    try await environment.apply(Environment.fleet(keep), options: prune)
    #expect(environment.workspace.endpoint("gone") == nil)
    #expect(environment.workspace.endpoint("retained") != nil)
    #expect(environment.workspace.endpoint("stranger") != nil)
    #expect(environment.workspace.endpoint("keep") != nil)
  }

  @Test func `without waiting, apply ends with what it sent, and the next apply continues`() async throws {
    let environment = try environment()
    let fleet = Environment.fleet(Environment.endpoint("1"))
    let first = try await environment.apply(fleet, limits: ConvergenceLimits(waits: false))
    #expect(first.map(\.isSuccess) == [true])
    #expect(first.map(\.isInSync) == [false])
    environment.workspace.forgetCalls()
    #expect(try await environment.apply(fleet).map(\.isInSync) == [true])
    #expect(environment.workspace.writes.isEmpty)
  }

  @Test func `a rollout that never ends is reported as timed out and left alone`() async throws {
    let environment = try environment()
    environment.workspace.setBehavior(.hangs, model: Environment.model, version: "1")
    let results = try await environment.apply(
      Environment.fleet(Environment.endpoint("1")), limits: ConvergenceLimits(timeout: .seconds(4 * 3600)))
    guard case .underWay(let reason, true) = results.first?.ending else {
      Issue.record("ended \(String(describing: results.first?.ending))")
      return
    }
    #expect(reason.code == .overdue)
    #expect(environment.workspace.endpoint("chat") != nil)
  }

  @Test func `a provider that is briefly unreadable does not end an apply`() async throws {
    let environment = try environment()
    let reconciler = environment.reconciler()
    environment.workspace.setBehavior(.ready(polls: 4), model: Environment.model, version: "1")
    let fleet = Environment.fleet(Environment.endpoint("1"))
    let unreadable = WorkspaceDouble.Fault.answer(status: 403, errorCode: "PERMISSION_DENIED", message: "not now")
    environment.workspace.setPlan { number, call in call.method == "GET" && (5...6).contains(number) ? unreadable : nil
    }
    let results = await environment.converge(["chat"], of: fleet, reconciler)
    #expect(results.map(\.isInSync) == [true])
  }

  @Test func `after a retry, a rollout with steps goes through its steps and checks again`() async throws {
    let environment = try environment()
    let steps = [RolloutStep(traffic: 0), RolloutStep(traffic: 10)]
    let policy = RolloutPolicy(checks: [VerificationCheck(prompt: "hi", contains: "Hello")], steps: steps)
    try await environment.apply(Environment.fleet(Environment.endpoint("1", rollout: policy)))
    environment.workspace.setAnswer("mumble", model: Environment.model, version: "2")
    let second = Environment.fleet(Environment.endpoint("2", rollout: policy))
    #expect(try await environment.apply(second).map(\.holdCode) == [.quarantined])
    environment.workspace.setAnswer("Hello again", model: Environment.model, version: "2")
    environment.workspace.forgetCalls()
    let reconciler = environment.reconciler()
    let wanted = try await reconciler.standing("chat")
    try await reconciler.retry("chat")
    #expect(await environment.converge(["chat"], of: wanted, reconciler).map(\.isInSync) == [true])
    #expect(environment.liveVersion() == "2")
    #expect(environment.workspace.writes.count { $0.path.hasSuffix("/config") } == 3, "0 %, 10 %, all of it")
  }

  @Test func `a retry of a previously good config says plainly that it skips the steps`() async throws {
    let environment = try environment()
    let policy = RolloutPolicy(steps: [RolloutStep(traffic: 10)])
    try await environment.apply(Environment.fleet(Environment.endpoint("1", rollout: policy)))
    try await environment.apply(Environment.fleet(Environment.endpoint("2", rollout: policy)))
    let reconciler = environment.reconciler()
    let back = try await reconciler.rollbackPlan("chat", to: nil)
    #expect(back.changes.first?.warnings == ["it is rolled back at once; steps apply to new versions only"])
    try await reconciler.rollBack("chat", to: nil)
    _ = await environment.converge(["chat"], of: try await reconciler.standing("chat"), reconciler)
    let again = try #require(try await reconciler.retryPlan("chat"))
    #expect(
      again.changes.first?.warnings == ["all of the traffic moves at once, without steps: revision 2 was good before"])
  }

  @Test func `a retry of a version that no longer exists sends nothing and says so`() async throws {
    let environment = try environment()
    try await environment.apply(Environment.fleet(Environment.endpoint("1")))
    environment.workspace.setBehavior(.fails(message: "unsupported dtype"), model: Environment.model, version: "3")
    #expect(try await environment.apply(Environment.fleet(Environment.endpoint("3"))).map(\.holdCode) == [.quarantined])
    environment.workspace.setModel(Environment.model, versions: [1: .ready])
    environment.workspace.forgetCalls()
    let reconciler = environment.reconciler()
    let wanted = try await reconciler.standing("chat")
    try await reconciler.retry("chat")
    #expect(await environment.converge(["chat"], of: wanted, reconciler).map(\.holdCode) == [.blocked])
    #expect(!environment.workspace.writes.contains { $0.path.hasSuffix("/config") })
  }
}
