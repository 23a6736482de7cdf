import Controller
import ControllerKit
import Endpoints
import History
import Planning
import ServingAPI
import Synchronization
import TestKit
import Testing

/// A thousand endpoints and a provider that fails every third call.
@Suite struct RandomFaultTests {
  private static let names = (0..<1010).map { "e\($0)" }

  private func manifests(_ range: Range<Int>, version: (Int) -> String) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: range.map {
        ("\(Self.names[$0]).yaml", TestSource.manifest(Self.names[$0], version: version($0)))
      })
  }

  /// A fleet at rest, endpoints 0 to 509. In the new manifests, 0 to 9 are gone, the next 20 have a version that fails,
  /// the next 280 one that works, 200 are unchanged, and 500 are new.
  private func rig() async throws -> ControllerRig {
    var habits = WorkspaceHabits()
    habits.keepsPendingAfterFailure = true
    let workspace = WorkspaceDouble(habits: habits)
    ControllerWorld.setVersions(workspace)
    workspace.foreignEdit("stranger", config: ControllerWorld.config("1"), tags: ["owner": "somebody"])
    for _ in 0..<3 { _ = try await workspace.provider.observe("stranger") }
    let chance = Mutex(Dice(seed: 7))
    let rig = ControllerRig(
      ControllerWorld(workspace, try HistoryStore.passing()),
      ControllerOptions(fleet: "test", prune: true, interval: .seconds(600), writeBudget: nil),
      chance: { chance.withLock { Double($0.next(below: 1000)) / 1000 } })
    rig.source.set(manifests(0..<510) { _ in "1" }, commit: "before")
    #expect(try await rig.settle())
    workspace.forgetCalls()
    rig.source.set(manifests(10..<1010) { $0 < 30 ? "3" : $0 < 310 ? "2" : "1" }, commit: "after")
    rig.noticeChange()
    return rig
  }

  /// The required final state of each endpoint: what is live, its tags, and its status.
  private func goal(_ rig: ControllerRig, _ names: some Sequence<String>) async throws -> [String: [String]] {
    let statuses = Dictionary(
      await rig.controller.fleetStatus.endpoints.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    return Dictionary(
      uniqueKeysWithValues: names.map { name in
        let live = rig.world.workspace.endpoint(name)
        let status = statuses[name].map { "\($0.phase) \($0.reason?.rawValue ?? "")" } ?? "none"
        return (name, [live?.active?.config.words() ?? "none", "\(live?.tags ?? [:])", status])
      })
  }

  @Test func `a provider that fails every third call costs at most two and a half times the calls`() async throws {
    let clock = ContinuousClock()
    let begun = clock.now
    let calm = try await rig()
    let start = calm.world.now
    #expect(try await calm.settle())
    let calmCalls = calm.world.workspace.calls.count
    let goal = try await goal(calm, Self.names)

    let rough = try await rig()
    let stranger = rough.world.workspace.text(of: "stranger")
    let faults = RandomFaults(rough.world, share: 1 / 3, seed: 42)
    faults.begin()
    var missing = Set(Self.names)
    while !missing.isEmpty, rough.world.now < start + .seconds(6 * 3600) {
      try await rough.run(for: .seconds(5))
      for (name, state) in try await self.goal(rough, missing) where state == goal[name] { missing.remove(name) }
    }
    let (calls, took) = (rough.world.workspace.calls.count, rough.world.now - start)
    let ratio = Double(calls * 100 / calmCalls) / 100
    print(
      "random faults: \(calmCalls) calls without faults, \(calls) with \(faults.counts.values.reduce(0, +)) of them, "
        + "ratio \(ratio), where everything should be after \(took.components.seconds) s; in "
        + "\((clock.now - begun).components.seconds) s")
    #expect(missing.isEmpty, "\(missing.count) endpoints are not where they should be: \(missing.prefix(10))")
    #expect(ratio <= 2.5)
    #expect(faults.counts.count == 10 && faults.counts.values.allSatisfy { $0 > 50 }, "\(faults.counts)")

    rough.world.workspace.setPlan { _, _ in nil }
    try await rough.run(for: rough.options.interval * 1.3)
    let wanted = try await calm.ending(of: Self.names)
    let found = try await rough.ending(of: Self.names)
    #expect(wanted.count { $0.contains("status: inSync") } == 980)
    #expect(wanted.count { $0.contains("status: held quarantined") } == 20)
    let difference = ControllerRig.difference(found, from: wanted)
    #expect(difference.isEmpty, "\(difference.count) lines: \(difference.prefix(20).joined(separator: "\n"))")
    // Nothing that had taken effect was sent again, and no existing endpoint was taken for absent.
    let landed = { (rig: ControllerRig) in rig.world.workspace.landed.map(\.description).sorted() }
    #expect(landed(rough) == landed(calm))
    #expect(rough.world.workspace.text(of: "stranger") == stranger)
  }
}
