import Synchronization

/// The names by which an endpoint's replicas can be queried: the values that `model` may have in a request.
///
/// A served entity's are known once its first replica is ready, and kept while it is replaced.
final class ServedModels: Sendable {
  private struct State {
    /// Of the replicas that can answer: by served entity, then by replica.
    var serving: [String: [String: [String]]] = [:]
    /// Of the last replica of a served entity that has none now.
    var kept: [String: [String]] = [:]
    /// The served entities of the config that is being deployed.
    var deploying: Set<String> = []

    /// One list for each replica; none if no replica has reported its names yet.
    func lists(of entity: String) -> [[String]] {
      if let lists = serving[entity], !lists.isEmpty { return Array(lists.values) }
      return kept[entity].map { [$0] } ?? []
    }
  }

  private let state = Mutex(State())

  func note(_ replica: UpstreamReplica) {
    state.withLock { state in
      for entity in state.serving.keys { state.serving[entity]?[replica.id] = nil }
      state.serving[replica.entity, default: [:]][replica.id] = replica.models
      state.kept[replica.entity] = nil
    }
  }

  /// Forgets a replica that gets no more requests. The names of the last one of its entity are kept.
  func forget(_ replica: String) {
    state.withLock { state in
      for entity in state.serving.keys {
        guard let models = state.serving[entity]?.removeValue(forKey: replica) else { continue }
        if state.serving[entity]?.isEmpty == true { state.kept[entity] = models }
      }
    }
  }

  func setDeploying(_ entities: [String]) { state.withLock { $0.deploying = Set(entities) } }

  /// Whether a config is being deployed, whose replicas may have other names.
  var isUpdating: Bool { state.withLock { !$0.deploying.isEmpty } }

  /// Whether a config with this served entity is being deployed.
  func isDeploying(_ entity: String) -> Bool { state.withLock { $0.deploying.contains(entity) } }

  /// Those of the given entities whose replicas have a model of this name.
  func entities(serving model: String, among entities: [String]) -> [String] {
    state.withLock { state in entities.filter { state.lists(of: $0).contains { $0.contains(model) } } }
  }

  /// Those of the given entities whose names are not known yet.
  func unreported(among entities: [String]) -> [String] {
    state.withLock { state in entities.filter { state.lists(of: $0).isEmpty } }
  }

  /// The names of adapters, sorted. The first name of a replica is its base model's, which the endpoint's name stands
  /// for.
  func adapters(of entities: [String]) -> [String] {
    let known = state.withLock { state in entities.flatMap { state.lists(of: $0).flatMap { $0.dropFirst() } } }
    return Set(known).sorted()
  }
}
