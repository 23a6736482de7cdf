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
  typealias Environment = ControllerEnvironment

  private func harness(versions: [Int64: ModelVersionStatus], live: String? = "1") async throws -> ControllerHarness {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: versions)
    let harness = ControllerHarness(environment)
    if let live {
      harness.source.set(["chat.yaml": TestSource.manifest(version: live)], commit: "c1")
      try await harness.settle()
      #expect(environment.liveVersion() == live)
    }
    environment.workspace.forgetCalls()
    return harness
  }

  private func sends(_ harness: ControllerHarness) -> Int {
    harness.environment.workspace.writes.count { $0.path.hasSuffix("/config") || $0.method == "POST" }
  }

  @Test(arguments: [
    [1: .ready] as [Int64: ModelVersionStatus], [1: .ready, 2: .pendingRegistration],
    [1: .ready, 2: .failedRegistration],
  ])
  func `a version that cannot be served yet blocks, sends nothing, holds nothing, and resumes by itself`(
    versions: [Int64: ModelVersionStatus]
  ) async throws {
    let harness = try await harness(versions: versions)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")], commit: "c2")
    try await harness.run(for: .seconds(600))
    #expect(sends(harness) == 0)
    #expect(harness.environment.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    let status = try #require(await harness.status())
    #expect(status.phase == .blocked && status.reason == .blocked)
    #expect(status.why.contains("version 2"))
    #expect(status.desired?.contains("/2") == true, "what it waits for remains visible")
    harness.environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready])
    try await harness.run(for: .seconds(120))
    #expect(harness.environment.liveVersion() == "2")
    #expect(await harness.status()?.phase == .inSync)
  }

  @Test func `a model that does not exist yet blocks the endpoint to be created in the same way`() async throws {
    let harness = try await harness(versions: [:], live: nil)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "1")])
    try await harness.run(for: .seconds(300))
    #expect(sends(harness) == 0)
    #expect(await harness.status()?.phase == .blocked)
    harness.environment.workspace.setModel(Environment.model, versions: [1: .ready])
    try await harness.run(for: .seconds(120))
    #expect(harness.environment.liveVersion() == "1")
  }

  @Test func `if the registry is unreachable and the provider finds no version, it is retried and never held`()
    async throws
  {
    let harness = try await harness(versions: [1: .ready])
    harness.environment.workspace.setPlan { _, call in call.path.contains("/unity-catalog/") ? .denied : nil }
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")])
    harness.reportChange()
    try await harness.run(for: .seconds(30))
    #expect(sends(harness) > 1)
    #expect(await harness.status()?.reason == .retrying)
    #expect(harness.environment.workspace.endpoint("chat")?.tags[FleetTags.held] == nil)
    harness.environment.workspace.setModel(Environment.model, versions: [1: .ready, 2: .ready])
    try await harness.run(for: .seconds(120))
    #expect(harness.environment.liveVersion() == "2")
  }

  @Test func `a rollback to a good version is sent although the registry does not show it`() async throws {
    let harness = try await harness(versions: [1: .ready, 2: .ready])
    harness.environment.workspace.setBehavior(
      .fails(message: "unsupported dtype"), model: Environment.model, version: "2")
    let hidden = WorkspaceDouble.Fault.answer(
      status: 404, errorCode: "RESOURCE_DOES_NOT_EXIST", message: "Registered model does not exist.")
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")])
    try await harness.run(for: .seconds(180))
    #expect(await harness.status()?.reason == .quarantined)
    // Another client moves the endpoint to another version: the way back is a PUT.
    harness.environment.workspace.setBehavior(.ready(polls: 1), model: Environment.model, version: "2")
    harness.environment.workspace.foreignEdit("chat", config: Environment.config("2"))
    harness.environment.workspace.setPlan { _, call in call.path.contains("/unity-catalog/") ? hidden : nil }
    harness.environment.workspace.forgetCalls()
    try await harness.run(for: .seconds(600))
    #expect(sends(harness) == 1)
    #expect(harness.environment.liveVersion() == "1")
  }

  @Test
  func `a short Retry-After is honored as it is, for a PUT answered four times with 503 and one second`() async throws {
    let harness = try await harness(versions: [1: .ready, 2: .ready])
    let busy = WorkspaceDouble.Fault.response(
      status: 503, headers: ["Retry-After": "1"],
      body: #"{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "busy"}"#)
    harness.environment.workspace.fail("PUT", path: "/config", times: 4, with: busy)
    harness.source.set(["chat.yaml": TestSource.manifest(version: "2")])
    harness.reportChange()
    let began = harness.environment.now
    while harness.environment.workspace.landed.isEmpty, harness.environment.now - began < .seconds(60) {
      try await harness.run(for: .milliseconds(100))
    }
    #expect(harness.environment.now - began < .seconds(6), "four waits of one second, and no backoff of our own")
  }

  @Test func `a registry that does not answer is reported once as that, and not as an invalid manifest`() async throws {
    let environment = try Environment()
    environment.workspace.setModel(Environment.model, versions: [1: .ready], aliases: ["champion": 1])
    let harness = ControllerHarness(environment)
    harness.source.set([
      "a.yaml": TestSource.manifest("a", version: "@champion"),
      "b.yaml": TestSource.manifest("b", version: "@champion"),
    ])
    try await harness.settle()
    #expect(environment.liveVersion("a") == "1" && environment.liveVersion("b") == "1")
    environment.workspace.setPlan { _, _ in .refuseConnection }
    try await harness.run(for: .seconds(300))
    let names = ["a", "b"].map { environment.reconciler().key($0) }
    for name in names {
      let events = try await environment.history.events(of: name)
      #expect(!events.contains { $0.what.contains("manifest") })
    }
    let problems = await harness.controller.fleetStatus.report.problems
    #expect(problems.contains { $0.contains("versions cannot be resolved") })
    environment.workspace.setPlan { _, _ in nil }
    try await harness.run(for: .seconds(300))
    #expect(await harness.controller.fleetStatus.report.problems.isEmpty)
    #expect(await harness.status("a")?.phase == .inSync)
  }
}
