import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import TestKit
import Testing

/// A version that does not exist yet is waited for, like an alias without a version.
@Suite struct VersionWaitTests {
  typealias World = ControllerWorld

  private func rig(versions: [Int64: ModelVersionStatus], live: String? = "1") async throws -> ControllerRig {
    let world = try World()
    world.workspace.setModel(World.model, versions: versions)
    let rig = ControllerRig(world)
    if let live {
      rig.source.set(["chat.yaml": TestSource.manifest(version: live)], commit: "c1")
      try await rig.settle()
      #expect(world.liveVersion() == live)
    }
    world.workspace.forgetCalls()
    return rig
  }

  private func sends(_ rig: ControllerRig) -> Int {
    rig.world.workspace.writes.count { $0.path.hasSuffix("/config") || $0.method == "POST" }
  }

  @Test(arguments: [
    [1: .ready] as [Int64: ModelVersionStatus], [1: .ready, 2: .pendingRegistration],
    [1: .ready, 2: .failedRegistration],
  ])
  func `a version that cannot be served yet blocks, sends nothing, holds nothing, and resumes by itself`(
    versions: [Int64: ModelVersionStatus]
  ) async throws {
    let rig = try await rig(versions: versions)
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await rig.run(for: .seconds(600))
    #expect(sends(rig) == 0)
    #expect(rig.world.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    let status = try #require(await rig.status())
    #expect(status.phase == .blocked && status.reason == .blocked)
    #expect(status.why.contains("version 2"))
    #expect(status.desired?.contains("/2") == true, "what it waits for remains visible")
    rig.world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready])
    try await rig.run(for: .seconds(120))
    #expect(rig.world.liveVersion() == "2")
    #expect(await rig.status()?.phase == .inSync)
  }

  @Test func `a model that does not exist yet blocks the endpoint to be created in the same way`() async throws {
    let rig = try await rig(versions: [:], live: nil)
    rig.source.set(["chat.yaml": TestSource.manifest(version: "1")])
    try await rig.run(for: .seconds(300))
    #expect(sends(rig) == 0)
    #expect(await rig.status()?.phase == .blocked)
    rig.world.workspace.setModel(World.model, versions: [1: .ready])
    try await rig.run(for: .seconds(120))
    #expect(rig.world.liveVersion() == "1")
  }

  @Test func `if the registry is unreachable and the provider finds no version, it is retried and never held`()
    async throws
  {
    let rig = try await rig(versions: [1: .ready])
    rig.world.workspace.setPlan { _, call in call.path.contains("/unity-catalog/") ? .denied : nil }
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")])
    rig.reportChange()
    try await rig.run(for: .seconds(30))
    #expect(sends(rig) > 1)
    #expect(await rig.status()?.reason == .retrying)
    #expect(rig.world.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    rig.world.workspace.setModel(World.model, versions: [1: .ready, 2: .ready])
    try await rig.run(for: .seconds(120))
    #expect(rig.world.liveVersion() == "2")
  }

  @Test func `a rollback to a good version is sent although the registry does not show it`() async throws {
    let rig = try await rig(versions: [1: .ready, 2: .ready])
    rig.world.workspace.setFate(.fails(message: "unsupported dtype"), model: World.model, version: "2")
    let hidden = WorkspaceDouble.Fault.answer(
      status: 404, errorCode: "RESOURCE_DOES_NOT_EXIST", message: "Registered model does not exist.")
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")])
    try await rig.run(for: .seconds(180))
    #expect(await rig.status()?.reason == .quarantined)
    // Another client moves the endpoint to another version: the way back is a PUT.
    rig.world.workspace.setFate(.ready(polls: 1), model: World.model, version: "2")
    rig.world.workspace.foreignEdit("chat", config: World.config("2"))
    rig.world.workspace.setPlan { _, call in call.path.contains("/unity-catalog/") ? hidden : nil }
    rig.world.workspace.forgetCalls()
    try await rig.run(for: .seconds(600))
    #expect(sends(rig) == 1)
    #expect(rig.world.liveVersion() == "1")
  }

  @Test
  func `a short Retry-After is honored as it is, for a PUT answered four times with 503 and one second`() async throws {
    let rig = try await rig(versions: [1: .ready, 2: .ready])
    let busy = WorkspaceDouble.Fault.reply(
      status: 503, headers: ["Retry-After": "1"],
      body: #"{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "busy"}"#)
    rig.world.workspace.fail("PUT", path: "/config", times: 4, with: busy)
    rig.source.set(["chat.yaml": TestSource.manifest(version: "2")])
    rig.reportChange()
    let began = rig.world.now
    while rig.world.workspace.landed.isEmpty, rig.world.now - began < .seconds(60) {
      try await rig.run(for: .milliseconds(100))
    }
    #expect(rig.world.now - began < .seconds(6), "four waits of one second, and no backoff of our own")
  }

  @Test func `a registry that does not answer is reported once as that, and not as an invalid manifest`() async throws {
    let world = try World()
    world.workspace.setModel(World.model, versions: [1: .ready], aliases: ["champion": 1])
    let rig = ControllerRig(world)
    rig.source.set([
      "a.yaml": TestSource.manifest("a", version: "@champion"),
      "b.yaml": TestSource.manifest("b", version: "@champion"),
    ])
    try await rig.settle()
    #expect(world.liveVersion("a") == "1" && world.liveVersion("b") == "1")
    world.workspace.setPlan { _, _ in .refuseConnection }
    try await rig.run(for: .seconds(300))
    let names = ["a", "b"].map { world.reconciler().key($0) }
    for name in names {
      let events = try await world.history.events(of: name)
      #expect(!events.contains { $0.what.contains("manifest") })
    }
    let problems = await rig.controller.fleetStatus.report.problems
    #expect(problems.contains { $0.contains("versions cannot be resolved") })
    world.workspace.setPlan { _, _ in nil }
    try await rig.run(for: .seconds(300))
    #expect(await rig.controller.fleetStatus.report.problems.isEmpty)
    #expect(await rig.status("a")?.phase == .inSync)
  }
}
