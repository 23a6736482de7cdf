internal import Controller
internal import ControllerKit
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI
internal import Synchronization
internal import TestKit

/// A fleet of endpoints and a provider that fails every third call, compared with the same fleet without faults.
package struct RandomFaultRun: Sendable {
  /// A hundredth of the endpoints that are deleted, changed, kept or created.
  private let unit: Int
  private let names: [String]

  /// - Parameter endpoints: about as many as the manifests name in the end; at least 100.
  package init(endpoints: Int) {
    unit = max(1, endpoints / 100)
    names = (0..<(101 * unit)).map { "e\($0)" }
  }

  package struct Findings: Sendable {
    /// What was done and what it cost, in one line.
    package let summary: String
    package let problems: [String]
  }

  private func manifests(_ range: Range<Int>, version: (Int) -> String) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: range.map { ("\(names[$0]).yaml", TestSource.manifest(names[$0], version: version($0))) })
  }

  /// A fleet at rest, half of the endpoints. In the new manifests the first ones are gone, the next have a version that
  /// fails, the next one that works, some stay unchanged, and half are new.
  private func harness() async throws -> ControllerHarness {
    var behaviors = WorkspaceBehaviors()
    behaviors.keepsPendingAfterFailure = true
    let workspace = WorkspaceDouble(behaviors: behaviors)
    ControllerEnvironment.setVersions(workspace)
    workspace.foreignEdit("stranger", config: ControllerEnvironment.config("1"), tags: ["owner": "somebody"])
    for _ in 0..<3 { _ = try await workspace.provider.observe("stranger") }
    let chance = Mutex(SeededGenerator(seed: 7))
    let harness = ControllerHarness(
      ControllerEnvironment(workspace, try HistoryStore.passing()),
      ControllerOptions(fleet: "test", prune: true, interval: .seconds(600), writeBudget: nil),
      chance: { chance.withLock { Double($0.next(below: 1000)) / 1000 } })
    harness.source.set(manifests(0..<(51 * unit)) { _ in "1" }, commit: "before")
    guard try await harness.settle() else { throw Unsettled() }
    workspace.forgetCalls()
    harness.source.set(
      manifests(unit..<(101 * unit)) { $0 < 3 * unit ? "3" : $0 < 31 * unit ? "2" : "1" }, commit: "after")
    harness.reportChange()
    return harness
  }

  private struct Unsettled: Error {}

  /// The required final state of each endpoint: what is live, its tags, and its status.
  private func goal(_ harness: ControllerHarness, _ names: some Sequence<String>) async throws -> [String: [String]] {
    let statuses = Dictionary(
      await harness.controller.fleetStatus.endpoints.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    return Dictionary(
      uniqueKeysWithValues: names.map { name in
        let live = harness.environment.workspace.endpoint(name)
        let status = statuses[name].map { "\($0.phase) \($0.reason?.rawValue ?? "")" } ?? "none"
        return (name, [live?.active?.config.summary() ?? "none", "\(live?.tags ?? [:])", status])
      })
  }

  /// Returns the findings: a fault may cost calls, at most two and a half times as many, and nothing else.
  package func run() async throws -> Findings {
    let calm = try await harness()
    let start = calm.environment.now
    guard try await calm.settle() else { throw Unsettled() }
    let calmCalls = calm.environment.workspace.calls.count
    let goal = try await goal(calm, names)

    let rough = try await harness()
    let stranger = rough.environment.workspace.text(of: "stranger")
    let faults = RandomFaults(rough.environment, share: 1 / 3, seed: 42)
    faults.begin()
    var missing = Set(names)
    while !missing.isEmpty, rough.environment.now < start + .seconds(6 * 3600) {
      try await rough.run(for: .seconds(5))
      for (name, state) in try await self.goal(rough, missing) where state == goal[name] { missing.remove(name) }
    }
    let (calls, took) = (rough.environment.workspace.calls.count, rough.environment.now - start)
    let ratio = Double(calls * 100 / calmCalls) / 100
    let summary =
      "random faults: \(calmCalls) calls without faults, \(calls) with \(faults.counts.values.reduce(0, +)) of them, "
      + "ratio \(ratio), \(missing.isEmpty ? "settled" : "not settled") after \(took.components.seconds) s"
    var problems: [String] = []
    func require(_ holds: Bool, _ problem: @autoclosure () -> String) {
      if !holds { problems.append(problem()) }
    }
    require(missing.isEmpty, "\(missing.count) endpoints are not where they should be: \(missing.prefix(10))")
    require(ratio <= 2.5, "more than 2.5 times the calls: \(ratio)")
    require(
      faults.counts.count == 10 && faults.counts.values.allSatisfy { $0 > 5 * unit }, "too few faults: \(faults.counts)"
    )

    rough.environment.workspace.setPlan { _, _ in nil }
    try await rough.run(for: rough.options.interval * 1.3)
    let wanted = try await calm.ending(of: names)
    let found = try await rough.ending(of: names)
    require(wanted.count { $0.contains("status: inSync") } == 98 * unit, "not every good config is in sync")
    require(wanted.count { $0.contains("status: held quarantined") } == 2 * unit, "not every bad config is held")
    let difference = ControllerHarness.difference(found, from: wanted)
    require(difference.isEmpty, "\(difference.count) lines: \(difference.prefix(20).joined(separator: "\n"))")
    // Nothing that had landed was sent again, and nothing that existed was taken for absent.
    let landed = { (harness: ControllerHarness) in harness.environment.workspace.landed.map(\.description).sorted() }
    require(landed(rough) == landed(calm), "other writes landed than without faults")
    require(rough.environment.workspace.text(of: "stranger") == stranger, "another fleet changed")
    return Findings(summary: summary, problems: problems)
  }
}
