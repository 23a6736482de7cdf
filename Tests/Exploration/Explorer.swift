internal import Endpoints
internal import Planning

/// The result of an exploration.
package struct Findings: Sendable {
  package let model: String
  package let bounds: String
  package var states = 0
  package var worlds = 0
  /// The most configs sent from any state until everything is settled.
  package var longestRecovery = 0
  /// The first violation: the broken invariant, and the trace that leads to it.
  package var violation: Violation?

  package struct Violation: Sendable, CustomStringConvertible {
    package let broken: String
    package let steps: [String]

    package var description: String {
      (["VIOLATION: \(broken)"] + steps.enumerated().map { "  \($0 + 1). \($1)" }).joined(separator: "\n")
    }
  }
}

/// Visits every state of a model: every world, under every manifest, with everything that may still go wrong.
package struct Explorer {
  private var graph: Graph
  private var visited = StateSet()
  private var states: [State] = []
  private var settling = Settling()
  private let model: Model

  /// How a state was reached; the world, the manifest and the faults used are the key.
  private struct State {
    let key: UInt64
    let parent: UInt32
    let label: UInt16
  }

  package init(_ model: Model, decide: @escaping Decide = realDecide) {
    self.model = model
    graph = Graph(model: model, decide: decide)
  }

  // A key: 32 bits of world, 6 of manifest, 26 of faults used.
  private static func key(world: UInt32, manifest: Int, used: UInt64) -> UInt64 {
    UInt64(world) << 32 | UInt64(manifest) << 26 | used
  }
  private static let faultMask: UInt64 = (1 << 26) - 1

  /// Explores until every state is visited or an invariant is broken.
  ///
  /// - Parameter limit: the number of states, for small bounds in tests; nil: no limit.
  package mutating func explore(limit: Int? = nil) -> Findings {
    var findings = Findings(model: model.name, bounds: model.bounds)
    for world in model.startingWorlds {
      for manifest in model.manifests.indices where model.manifests[manifest].version != nil || model.start != .absent {
        visit(Self.key(world: graph.number(of: world.canonical(model)), manifest: manifest, used: 0), from: .max, by: 0)
      }
    }
    var next = 0
    while next < states.count, findings.violation == nil, limit.map({ states.count < $0 }) ?? true {
      findings.violation = expand(next)
      next += 1
      if next % 1024 == 0, Task.isCancelled { break }
    }
    findings.states = states.count
    findings.worlds = graph.worldCount
    findings.longestRecovery = settling.longest
    return findings
  }

  private mutating func visit(_ key: UInt64, from parent: UInt32, by label: UInt16) {
    if visited.insert(key) { states.append(State(key: key, parent: parent, label: label)) }
  }

  private mutating func expand(_ index: Int) -> Findings.Violation? {
    let key = states[index].key
    let world = UInt32(truncatingIfNeeded: key >> 32)
    let manifest = Int(key >> 26 & 63)
    let used = key & Self.faultMask
    let node = graph.node(world, manifest)
    if let broken = node.broken { return violation(broken, at: index) }
    if let stuck = settling.problem(from: world, manifest, in: &graph) {
      return violation(stuck.broken, at: index, then: stuck.steps)
    }
    for edge in node.edges { follow(edge, manifest, used, from: index) }
    for edge in graph.environmentEdges(of: world) { follow(edge, manifest, used, from: index) }
    if let used = using(.edit, used) {
      for other in model.manifests.indices where other != manifest {
        let label = graph.label("the manifest is edited: \(model.manifests[other].label)")
        visit(Self.key(world: world, manifest: other, used: used), from: UInt32(index), by: label)
      }
    }
    return nil
  }

  private mutating func follow(_ edge: Graph.Edge, _ manifest: Int, _ used: UInt64, from index: Int) {
    var used = used
    if let fault = edge.fault {
      guard let more = using(fault, used) else { return }
      used = more
    }
    visit(Self.key(world: edge.world, manifest: manifest, used: used), from: UInt32(index), by: edge.label)
  }

  /// The faults used, with one more; nil if none of that kind is left.
  private func using(_ fault: Fault, _ used: UInt64) -> UInt64? {
    let count = used >> fault.shift & 3
    return count < UInt64(model.faults[fault] ?? 0) ? used + (1 << fault.shift) : nil
  }

  private func violation(_ broken: String, at index: Int, then more: [String] = []) -> Findings.Violation {
    var path: [Int] = [index]
    while let first = path.last, states[first].parent != .max { path.append(Int(states[first].parent)) }
    let steps = path.reversed().map { index in
      let state = states[index]
      let world = graph.world(UInt32(truncatingIfNeeded: state.key >> 32))
      let manifest = model.manifests[Int(state.key >> 26 & 63)].label
      let label = state.parent == .max ? "it begins" : graph.labels[Int(state.label)]
      return "\(label)   [manifest \(manifest); \(world.words)]"
    }
    return Findings.Violation(broken: broken, steps: steps + more)
  }
}

extension Model {
  var startingWorlds: [World] {
    let tags: [String: String]
    switch start {
    case .absent: return [World(provider: Provider(bad: badLuck), memory: Memory())]
    case .unowned: tags = ["theirs": "1"]
    case .otherFleet: tags = ["setpoint-fleet": "other"]
    }
    return [Version.good, .foreign].map { version in
      var provider = Provider(lastVersion: 1, bad: badLuck)
      provider.live = .init(
        name: "e", id: "id", active: .init(version: 1, config: version.rollout.config), readiness: .ready,
        update: .notUpdating, tags: tags, lastUpdated: 1)
      return World(provider: provider, memory: Memory())
    }
  }
}
