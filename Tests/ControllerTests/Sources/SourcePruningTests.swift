import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import TestKit
import Testing

/// A controller that prunes, over real sources: what cannot be read is never deleted.
@Suite(.timeLimit(.minutes(5))) struct `A controller that prunes` {
  private let fixture: GitFixture

  init() async throws { fixture = try await GitFixture() }

  private static func harness(_ source: any ManifestSource) throws -> ControllerHarness {
    let provider = try ControllerEnvironment()
    provider.workspace.setModel(ControllerEnvironment.model, versions: [1: .ready, 2: .ready])
    return ControllerHarness(provider, ControllerOptions(fleet: "test", prune: true), source: TestSource(source))
  }

  /// Six endpoints in `fleet/` and a seventh in `fleet/team/`, all of them served.
  private func begin() async throws -> ControllerHarness {
    var files: [String: String?] = ["fleet/team/last.yaml": TestSource.manifest("last", version: "1")]
    for number in 1...6 { files["fleet/e\(number).yaml"] = TestSource.manifest("e\(number)", version: "1") }
    try await fixture.commit(files)
    let harness = try Self.harness(try fixture.source())
    try await harness.settle()
    #expect(await harness.status("last")?.phase == .inSync)
    return harness
  }

  private func expectKept(_ harness: ControllerHarness, named place: String) async throws {
    try await harness.run(for: .seconds(300))
    #expect(harness.environment.workspace.endpoint("last") != nil)
    #expect(!harness.environment.workspace.writes.contains { $0.method == "DELETE" })
    let problems = await harness.controller.fleetStatus.report.problems
    #expect(problems.contains { $0.contains(place) }, "\(problems)")
    // The desired state remains in force.
    harness.environment.workspace.foreignEdit("last", config: ControllerEnvironment.config("2"))
    try await harness.run(for: .seconds(300))
    #expect(harness.environment.liveVersion("last") == "1")
  }

  @Test func `a controller that prunes follows a folder that became a link within the repository`() async throws {
    let harness = try await begin()
    try fixture.folder.move("work/fleet/team", to: "work/common")
    try fixture.folder.link("work/fleet/team", to: "../common")
    try await fixture.commit([:])
    try await harness.run(for: .seconds(300))
    #expect(harness.environment.workspace.endpoint("last") != nil)
    #expect(await harness.controller.fleetStatus.report.problems.isEmpty)
  }

  @Test func `a folder that became a dangling link deletes nothing until it is really gone`() async throws {
    let harness = try await begin()
    try fixture.folder.remove("work/fleet/team")
    try fixture.folder.link("work/fleet/team", to: "../gone")
    try await fixture.commit([:])
    try await expectKept(harness, named: "fleet/team: error: cannot follow this link")
    try await fixture.commit(["fleet/team": nil])
    try await harness.run(for: .seconds(300))
    #expect(harness.environment.workspace.endpoint("last") == nil)
  }

  @Test func `a folder that became a submodule deletes nothing`() async throws {
    let harness = try await begin()
    try await fixture.git("init", "--quiet", "--initial-branch=main", fixture.folder("part"), in: ".")
    try await fixture.git("commit", "--quiet", "--allow-empty", "-m", "part", in: "part")
    try await fixture.git("rm", "-r", "--quiet", "fleet/team")
    try await fixture.git(
      "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", fixture.folder("part"), "fleet/team")
    try await fixture.commit([:])
    try await expectKept(harness, named: "is a git submodule")
  }
}
