internal import Endpoints
internal import Planning

/// The worlds of a model and the transitions between them, computed on demand and each only once: histories differ far
/// more often in what may still go wrong than in the world itself.
struct Graph {
  let model: Model
  let decide: Decide
  private var keys: [WorldKey] = []
  private var numbers: [WorldKey: UInt32] = [:]
  private var nodes: [UInt64: Node] = [:]
  private var environmentEdges: [UInt32: [Edge]] = [:]
  private(set) var labels: [String] = []
  private var labelNumbers: [String: UInt16] = [:]

  /// One transition out of a world.
  struct Edge {
    let label: UInt16
    let world: UInt32
    /// The fault that it uses; nil: none.
    let fault: Fault?
    /// Whether a config was sent.
    var sends = false
  }

  /// What the controller does in a world. The first edge is what happens if nothing goes wrong.
  struct Node {
    let edges: [Edge]
    let rest: Rest
    let broken: String?
  }

  enum Rest { case moving, waiting, overdue, settled }

  init(model: Model, decide: @escaping Decide) {
    self.model = model
    self.decide = decide
  }

  var behaviors: Provider.Behaviors {
    Provider.Behaviors(keepsPending: model.keepsPending, tagsMoveLastUpdated: model.tagsMoveLastUpdated)
  }

  var worldCount: Int { keys.count }
  func world(_ number: UInt32) -> World { keys[Int(number)].world }

  mutating func number(of world: World) -> UInt32 { number(of: WorldKey(world)).number }

  private mutating func number(of key: WorldKey) -> (number: UInt32, isNew: Bool) {
    let next = UInt32(keys.count)
    let number = numbers[key, default: next]
    if number < next { return (number, false) }
    keys.append(key)
    numbers[key] = next
    return (next, true)
  }

  mutating func label(_ text: String) -> UInt16 {
    if let number = labelNumbers[text] { return number }
    let number = UInt16(labels.count)
    labels.append(text)
    labelNumbers[text] = number
    return number
  }

  // The controller's step

  mutating func node(_ number: UInt32, _ manifest: Int) -> Node {
    let key = UInt64(number) << 8 | UInt64(manifest)
    if let node = nodes[key] { return node }
    let node = makeNode(world(number), manifest)
    nodes[key] = node
    return node
  }

  private mutating func makeNode(_ world: World, _ manifest: Int) -> Node {
    let invariants = Invariants(
      world: world, manifest: model.manifests[manifest], options: model.options, decide: decide)
    let decision = invariants.decision()
    var ways: [(String, World, Fault?, Bool)] = []
    var rest = Rest.moving
    var broken = invariants.broken(by: decision)
    switch decision.next {
    case .record(let change):
      let after = world.remembering(change)
      if after == world { broken = broken ?? "a record that changes nothing: \(change)" }
      ways.append((change.words, after, nil, false))
    case .call(let operation):
      ways = outcomes(of: operation, in: world)
      if ways.first?.1 == world { broken = broken ?? "a call that changes nothing: \(operation.call)" }
    case .verify(let request):
      let isRight = world.provider.answersRightly(request)
      ways.append(verifying(isRight ? .passed : .failed("wrong"), nil, in: world))
      ways.append(verifying(.inconclusive("503"), .inconclusive, in: world))
    case .checkTarget(let target):
      ways.append(checking(target, nil, nil, in: world))
      ways.append(checking(target, "gone", .missingTarget, in: world))
    case .wait:
      rest = decision.isSettled ? .settled : decision.reason.code == .overdue ? .overdue : .waiting
    case .rest:
      rest = .settled
      if !decision.isSettled { broken = broken ?? "it rests without being settled" }
    }
    var edges: [Edge] = []
    for (label, after, fault, sends) in ways {
      let renamed = after.canonical(model)
      let (number, isNew) = self.number(of: WorldKey(renamed))
      if broken == nil, isNew { broken = unlike(after, renamed, manifest) }
      edges.append(Edge(label: self.label(label), world: number, fault: fault, sends: sends))
    }
    return Node(edges: edges, rest: rest, broken: broken)
  }

  private func outcomes(of operation: Operation, in world: World) -> [(String, World, Fault?, Bool)] {
    let name = operation.words
    let sends = operation.config != nil
    let (provider, callResult) = world.provider.performing(operation, behaviors)
    func after(_ provider: Provider, _ callResult: CallResult) -> World {
      World(provider: provider, memory: world.memory).remembering(.received(callResult, operation, at: ModelTime.now))
    }
    var ways: [(String, World, Fault?, Bool)] = [
      (name, after(provider, callResult), nil, sends),
      (
        "\(name), and dies before the response is recorded", World(provider: provider, memory: world.memory), .crash,
        sends
      ),
      ("\(name), whose response is lost", after(provider, .lost("lost")), .crash, sends),
      ("\(name), which is lost in transit", after(world.provider, .lost("lost")), .crash, false),
      ("\(name), refused temporarily", after(world.provider, .unavailable("503", retryAfter: nil)), .outage, false),
    ]
    ways.append(("\(name), refused", after(world.provider, .refused("400")), .refusal, false))
    return ways
  }

  private func verifying(_ verdict: Verdict, _ fault: Fault?, in world: World) -> (String, World, Fault?, Bool) {
    let checks = RolloutPolicy(checks: [Manifest.check]).checksDigest
    return (
      "verification: \(verdict.word)",
      world.remembering(.verified(verdict, checksDigest: checks, at: ModelTime.now)), fault, false
    )
  }

  private func checking(
    _ target: Rollout, _ problem: String?, _ fault: Fault?, in world: World
  ) -> (String, World, Fault?, Bool) {
    let check = Memory.TargetCheck(digest: target.digest, at: ModelTime.now, problem: problem)
    return (
      "the registry \(problem == nil ? "has" : "no longer has") the version of the rollback target",
      world.remembering(.checkedTarget(check)), fault, false
    )
  }

  /// The exploration may use a renamed world instead of the real one only if the decision is the same for both.
  private func unlike(_ world: World, _ renamed: World, _ manifest: Int) -> String? {
    if renamed == world { return nil }
    func shape(_ world: World) -> String {
      let decision = Invariants(
        world: world, manifest: model.manifests[manifest], options: model.options, decide: decide
      ).decision()
      return "\(decision.action) \(decision.reason.code) \(decision.next.shape)"
    }
    let (one, other) = (shape(world), shape(renamed))
    return one == other ? nil : "the model itself: a world and its renaming differ: \(one) / \(other)"
  }

  // The steps of everybody else

  mutating func environmentEdges(of number: UInt32) -> [Edge] {
    if let edges = environmentEdges[number] { return edges }
    let world = world(number)
    var edges: [Edge] = []
    for (label, after, fault) in happenings(in: world) {
      let after = after.canonical(model)
      if after == world { continue }
      edges.append(Edge(label: self.label(label), world: self.number(of: after), fault: fault))
    }
    environmentEdges[number] = edges
    return edges
  }

  /// What the provider, users and time do. The provider's own progress comes first.
  private func happenings(in world: World) -> [(String, World, Fault?)] {
    var ways: [(String, World, Fault?)] = []
    func then(_ label: String, _ fault: Fault?, _ provider: Provider) {
      ways.append((label, World(provider: provider, memory: world.memory), fault))
    }
    if let (label, provider) = world.provider.progressed(behaviors) { then(label, nil, provider) }
    ways.append(("time passes", world.aged(model), nil))
    if let provider = world.provider.canceled(behaviors) { then("a user cancels the update", .cancel, provider) }
    if let live = world.provider.live {
      if !live.update.isUpdating {
        let foreign = Operation.updateConfig(name: live.name, config: Version.foreign.rollout.config)
        then("another client writes C", .foreignEdit, world.provider.performing(foreign, behaviors).0)
        if let swapped = live.active?.config.swapped {
          let moved = Operation.updateConfig(name: live.name, config: swapped)
          then("another client swaps the traffic", .foreignEdit, world.provider.performing(moved, behaviors).0)
        }
      }
      then(
        "another client deletes the endpoint", .foreignDeletion,
        world.provider.performing(.delete(name: live.name), behaviors).0)
      if live.active != nil {
        let isReady = live.readiness == .ready
        var provider = world.provider
        provider.live = live.with(readiness: isReady ? .notReady : .ready)
        then(isReady ? "the endpoint stops being ready" : "the endpoint recovers", isReady ? .illness : nil, provider)
      }
    }
    ways += commands(in: world)
    ways.append(("another machine takes over", World(provider: world.provider, memory: Memory()), .amnesia))
    return ways
  }

  private func commands(in world: World) -> [(String, World, Fault?)] {
    var ways: [(String, World, Fault?)] = []
    func then(_ label: String, _ fault: Fault, _ edit: MemoryEdit?) {
      guard let edit else { return }
      let provider = edit.operation.map { world.provider.performing($0, behaviors).0 } ?? world.provider
      ways.append((label, World(provider: provider, memory: world.memory).remembering(edit.change), fault))
    }
    let (memory, live, fleet) = (world.memory, world.provider.live, model.options.fleet)
    then("setpoint retry", .retry, try? memory.retry(name: "e", live: live, fleet: fleet))
    if let live { then("setpoint rollback", .rollback, try? memory.rollback(to: nil, live: live, fleet: fleet)) }
    return ways
  }
}

extension EndpointConfig {
  /// Two entities, each with the other's share.
  fileprivate var swapped: EndpointConfig? {
    guard entities.count == 2, let one = entities.first, let other = entities.last else { return nil }
    return EndpointConfig(entities: [one.serving(other.traffic), other.serving(one.traffic)])
  }
}

extension Provider {
  /// Whether every queried entity answers correctly.
  fileprivate func answersRightly(_ request: VerificationRequest) -> Bool {
    (live?.active?.config.entities ?? []).filter { request.entities.contains($0.name) }.allSatisfy { entity in
      switch Version.of(entity) {
      case .wrong: false
      case .shy: entity.traffic == 0
      default: true
      }
    }
  }
}

extension World {
  func remembering(_ change: MemoryChange) -> World {
    World(provider: provider, memory: memory.applying(change))
  }
}
