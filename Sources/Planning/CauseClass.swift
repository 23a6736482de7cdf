package import Endpoints

/// Whose fault a failure is.
package enum CauseClass: String, Hashable, Sendable {
  /// The config, the model, its verification: sending the same again would fail again.
  case ours
  /// Capacity, quota, the provider's own trouble, the network: sending the same later may do.
  case theirs
}

/// Why a rollout failed.
package struct FailureCause: Hashable, Sendable {
  package let cause: CauseClass
  /// In plain words where the provider's are known, and always the provider's own.
  package let words: String

  /// Reads the cause off a failed update: the messages of the deployments that are not ready, of the pending config
  /// where it is still reported.
  ///
  /// What nothing is known of counts as ours: the old config serves on either way, and to send again what may never
  /// come up would start new replicas without end, while a hold costs one look of a person.
  package init(of endpoint: ObservedEndpoint) {
    let deployments = (endpoint.pending ?? endpoint.active)?.deployments ?? [:]
    let messages = deployments.sorted { $0.key < $1.key }
      .filter { $0.value.state != "DEPLOYMENT_READY" && !$0.value.message.isEmpty }
      .map { (entity: $0.key, message: $0.value.message) }
    let signs = messages.map { Self.sign(in: $0.message) }
    let isTheirs = !messages.isEmpty && signs.allSatisfy { $0?.cause == .theirs }
    cause = isTheirs ? .theirs : .ours
    words =
      messages.isEmpty
      ? "the provider gave no reason"
      : zip(messages, signs).map { item, sign in
        let said = messages.count == 1 ? item.message : "\(item.entity): \(item.message)"
        return sign.map { "\($0.plain): \(said)" } ?? said
      }.joined(separator: "; ")
  }

  private struct Sign: Sendable {
    let cause: CauseClass
    let plain: String
    /// In lower case.
    let phrases: [String]
  }

  /// The first sign that fits counts. Ours come first where a message may hold both: vLLM's out-of-memory message also
  /// speaks of the GPU's capacity.
  private static let signs = [
    Sign(
      cause: .ours, plain: "out of memory",
      phrases: ["out of memory", "outofmemory", "oom-killed", "oomkilled", "no available memory for the cache blocks"]),
    Sign(
      cause: .ours, plain: "the model cannot be loaded",
      phrases: ["failed to load", "no such file", "unknown model", "unsupported", "not supported", "bfloat16"]),
    Sign(
      cause: .ours, plain: "a wrong flag",
      phrases: ["unrecognized argument", "unknown flag", "invalid choice", "invalid argument"]),
    Sign(
      cause: .theirs, plain: "no capacity",
      phrases: [
        "insufficient capacity", "not enough capacity", "no capacity", "out of capacity", "lack of capacity",
        "capacity is not available", "capacity unavailable", "capacity is currently", "resources are not available",
        "stockout", "preempted",
      ]),
    Sign(cause: .theirs, plain: "a quota is used up", phrases: ["quota", "limit exceeded", "too many requests"]),
    Sign(
      cause: .theirs, plain: "the provider's own failure",
      phrases: [
        "internal error", "internal server error", "service unavailable", "temporarily unavailable", "try again later",
      ]),
    Sign(
      cause: .theirs, plain: "the network failed",
      phrases: [
        "network is unreachable", "network error", "connection reset", "connection timed out", "name resolution",
        "tls handshake",
      ]),
  ]

  private static func sign(in message: String) -> Sign? {
    let message = message.lowercased()
    return signs.first { $0.phrases.contains { message.contains($0) } }
  }
}
