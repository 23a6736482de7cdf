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
  private let world: GitWorld

  init() async throws { world = try await GitWorld() }

  private static func rig(_ source: any ManifestSource) throws -> ControllerRig {
    let provider = try ControllerWorld()
    provider.workspace.setModel(ControllerWorld.model, versions: [1: .ready, 2: .ready])
    return ControllerRig(provider, ControllerOptions(fleet: "test", prune: true), source: TestSource(source))
  }

  /// Six endpoints in `fleet/` and a seventh in `fleet/team/`, all of them served.
  private func begin() async throws -> ControllerRig {
    var files: [String: String?] = ["fleet/team/last.yaml": TestSource.manifest("last", version: "1")]
    for number in 1...6 { files["fleet/e\(number).yaml"] = TestSource.manifest("e\(number)", version: "1") }
    try await world.commit(files)
    let rig = try Self.rig(try world.source())
    try await rig.settle()
    #expect(await rig.status("last")?.phase == .inSync)
    return rig
  }

  private func expectKept(_ rig: ControllerRig, named place: String) async throws {
    try await rig.run(for: .seconds(300))
    #expect(rig.world.workspace.endpoint("last") != nil)
    #expect(!rig.world.workspace.writes.contains { $0.method == "DELETE" })
    let problems = await rig.controller.fleetStatus.report.problems
    #expect(problems.contains { $0.contains(place) }, "\(problems)")
    // The desired state remains in force.
    rig.world.workspace.foreignEdit("last", config: ControllerWorld.config("2"))
    try await rig.run(for: .seconds(300))
    #expect(rig.world.liveVersion("last") == "1")
  }

  @Test func `a controller that prunes follows a folder that became a link within the repository`() async throws {
    let rig = try await begin()
    try world.folder.move("work/fleet/team", to: "work/common")
    try world.folder.link("work/fleet/team", to: "../common")
    try await world.commit([:])
    try await rig.run(for: .seconds(300))
    #expect(rig.world.workspace.endpoint("last") != nil)
    #expect(await rig.controller.fleetStatus.report.problems.isEmpty)
  }

  @Test func `a folder that became a dangling link deletes nothing until it is really gone`() async throws {
    let rig = try await begin()
    try world.folder.remove("work/fleet/team")
    try world.folder.link("work/fleet/team", to: "../gone")
    try await world.commit([:])
    try await expectKept(rig, named: "fleet/team:1:1: error: cannot follow this link")
    try await world.commit(["fleet/team": nil])
    try await rig.run(for: .seconds(300))
    #expect(rig.world.workspace.endpoint("last") == nil)
  }

  @Test func `a folder that became a submodule deletes nothing`() async throws {
    let rig = try await begin()
    try await world.git("init", "--quiet", "--initial-branch=main", world.folder("part"), in: ".")
    try await world.git("commit", "--quiet", "--allow-empty", "-m", "part", in: "part")
    try await world.git("rm", "-r", "--quiet", "fleet/team")
    try await world.git(
      "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", world.folder("part"), "fleet/team")
    try await world.commit([:])
    try await expectKept(rig, named: "is a git submodule")
  }
}
