internal import Endpoints
internal import Planning

/// Invariant 1: from every world, if nothing goes wrong any more and nobody interferes, finitely many steps lead to
/// rest, a hold, or an overdue wait for a provider that never answers; and few configs are sent on the way.
struct Settling {
  /// The number of configs sent until settled, per world and manifest.
  private var sent: [UInt64: UInt8] = [:]
  private(set) var longest = 0

  /// More than this is not recovery but thrashing: there, back, and there again, with each step counted.
  static func mostSends(_ model: Model) -> Int { 3 + (model.manifests.map(\.steps.count).max() ?? 0) }

  struct Problem {
    let broken: String
    let steps: [String]
  }

  /// What prevents this world from settling; nil: nothing.
  mutating func problem(from world: UInt32, _ manifest: Int, in graph: inout Graph) -> Problem? {
    var path: [(key: UInt64, sends: Bool)] = []
    var onPath: Set<UInt64> = []
    var edges: [Graph.Edge] = []
    var current = world
    var count = 0
    while true {
      let key = UInt64(current) << 8 | UInt64(manifest)
      if let known = sent[key] {
        count = Int(known)
        break
      }
      guard onPath.insert(key).inserted else {
        return problem("invariant 1, converges: it goes round for ever", edges, graph)
      }
      let node = graph.node(current, manifest)
      if let broken = node.broken { return problem(broken, edges, graph) }
      guard let edge = onward(node, current, in: &graph) else {
        path.append((key, false))
        break
      }
      path.append((key, edge.sends))
      edges.append(edge)
      current = edge.world
    }
    for (key, sends) in path.reversed() {
      count += sends ? 1 : 0
      sent[key] = UInt8(clamping: count)
    }
    longest = max(longest, count)
    return count <= Self.mostSends(graph.model)
      ? nil : problem("invariant 1, converges: \(count) configs are sent until it settles", edges, graph)
  }

  private func problem(_ broken: String, _ edges: [Graph.Edge], _ graph: Graph) -> Problem {
    Problem(
      broken: broken,
      steps: edges.map { "then \(graph.labels[Int($0.label)])   [\(graph.world($0.world).words)]" })
  }

  /// What happens next if nothing goes wrong; nil: nothing more.
  private func onward(_ node: Graph.Node, _ world: UInt32, in graph: inout Graph) -> Graph.Edge? {
    if let step = node.edges.first { return step }
    let environmentEdges = graph.environmentEdges(of: world).filter { $0.fault == nil }
    let provider = graph.world(world).provider
    let isUpdating = provider.live?.update.isUpdating ?? false
    let hangs = provider.progressed(graph.behaviors) == nil
    if isUpdating, !hangs { return environmentEdges.first }
    switch node.rest {
    case .settled, .overdue: return nil
    case .moving, .waiting:
      let passing = graph.label("time passes")
      return environmentEdges.first { $0.label == passing }
    }
  }
}
