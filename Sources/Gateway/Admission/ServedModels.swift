import Synchronization

/// The names, besides the base model's, by which an endpoint's replicas can be queried: the values that `model` may
/// have in a request.
///
/// They are known once a served entity's first replica is ready, and kept while it is replaced.
final class ServedModels: Sendable {
  /// By served entity.
  private let names = Mutex<[String: [String]]>([:])

  func note(_ replica: UpstreamReplica) { names.withLock { $0[replica.entity] = replica.models } }

  /// Those of the given entities whose replicas have a model of this name.
  func entities(serving model: String, among entities: [String]) -> [String] {
    names.withLock { names in entities.filter { names[$0]?.contains(model) ?? false } }
  }

  /// The names of adapters, sorted. The first name of a replica is its base model's, which the endpoint's name stands
  /// for.
  func adapters(of entities: [String]) -> [String] {
    let known = names.withLock { names in entities.flatMap { (names[$0] ?? []).dropFirst() } }
    return Set(known).sorted()
  }
}
