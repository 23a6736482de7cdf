import Synchronization

/// By which names the replicas of an endpoint can be asked, beside their base model's: what `model` may name in a request.
///
/// They are known from the moment at which a served entity's first replica is ready, and kept while it is replaced.
final class ServedModels: Sendable {
  /// By served entity.
  private let names = Mutex<[String: [String]]>([:])

  func note(_ replica: UpstreamReplica) { names.withLock { $0[replica.entity] = replica.models } }

  /// The entities, of those given, whose replicas have a model of this name.
  func entities(serving model: String, among entities: [String]) -> [String] {
    names.withLock { names in entities.filter { names[$0]?.contains(model) ?? false } }
  }

  /// The names of adapters, sorted. The first name of a replica is its base model's, which goes by the endpoint's.
  func adapters(of entities: [String]) -> [String] {
    let known = names.withLock { names in entities.flatMap { (names[$0] ?? []).dropFirst() } }
    return Set(known).sorted()
  }
}
