/// Whose fault a failure is.
package enum CauseClass: String, Hashable, Sendable {
  /// The config, the model, its verification: sending the same again would fail again.
  case ours
  /// Capacity, quota, the provider's own trouble, the network: sending the same later may do.
  case theirs
}

/// A failure that providers and model servers are known to put into certain words (contract 1.7 and 4.5): whose fault,
/// what it is in plain words, and what a person can do.
package struct KnownMessage: Hashable, Sendable {
  package let cause: CauseClass
  package let plain: String
  /// What a person can do; nil where the plain words say it.
  package let advice: String?
  /// In lower case. One of these is in the message, each of whose parts is.
  private let signs: [[String]]

  private init(_ cause: CauseClass, _ plain: String, advice: String? = nil, _ signs: [[String]]) {
    self.cause = cause
    self.plain = plain
    self.advice = advice
    self.signs = signs
  }

  private init(_ cause: CauseClass, _ plain: String, advice: String? = nil, phrases: [String]) {
    self.init(cause, plain, advice: advice, phrases.map { [$0] })
  }

  /// The first known message that these words are, or nil.
  package static func found(in message: String) -> KnownMessage? {
    let message = message.lowercased()
    return all.first { known in known.signs.contains { $0.allSatisfy { message.contains($0) } } }
  }

  /// The first that fits counts. Ours come first where a message may hold both: vLLM's out-of-memory message also
  /// speaks of the GPU's capacity.
  private static let all = gates + models + theirs

  private static let gates = [
    KnownMessage(
      .ours, "custom LLM serving is not enabled",
      advice: "custom LLM serving is not enabled in this workspace; an admin turns it on under Previews",
      [["entrypoint", "not supported"]]),
    KnownMessage(
      .ours, "this hardware is not offered here",
      advice: "where the list of choices is empty, the workspace's region or enrolment lacks this hardware; "
        + "otherwise choose a workloadType and size it names",
      [["workload", "size", "not supported"]]),
    KnownMessage(
      .ours, "too many served entities",
      advice: "an endpoint holds at most 15 served entities; split it into several endpoints",
      [["more than 15 elements"]]),
    KnownMessage(
      .ours, "a version is named twice",
      advice: "two served entities have the same model and version; give each model version once",
      [["cannot create 2+ served entities"]]),
    KnownMessage(
      .ours, "this model is served by model units",
      advice: "this model is served by model units, which Setpoint does not manage yet",
      [["not eligible for provisioned throughput"]]),
    KnownMessage(
      .theirs, "the version is still being registered",
      advice: "a large version takes 20 to 30 minutes to register; it is sent again by itself",
      [["pending_registration"], ["model version", "not ready"], ["model version", "still being registered"]]),
    KnownMessage(
      .ours, "a grant is missing",
      advice:
        "the endpoint's creator needs EXECUTE on the model, USE CATALOG and USE SCHEMA; serving loads as the creator",
      [
        ["does not have", "execute"], ["does not have", "use schema"], ["does not have", "use catalog"],
        ["does not have", "privilege"], ["insufficient privileges"], ["missing", "grant"],
      ]),
  ]

  private static let models = [
    KnownMessage(
      .ours, "out of memory",
      advice:
        "choose a larger workloadType, or let vLLM take less: a smaller --max-model-len or --gpu-memory-utilization",
      phrases: ["out of memory", "outofmemory", "oom-killed", "oomkilled", "no available memory for the cache blocks"]),
    KnownMessage(
      .ours, "the model cannot be loaded",
      phrases: ["failed to load", "no such file", "unknown model", "unsupported", "not supported", "bfloat16"]),
    KnownMessage(
      .ours, "a wrong flag", advice: "vLLM's flags stand in the model version's entrypoint, or in engine for a plane",
      phrases: ["unrecognized argument", "unknown flag", "invalid choice", "invalid argument"]),
  ]

  private static let theirs = [
    KnownMessage(
      .theirs, "no capacity",
      advice: "the cloud has none of this hardware at present; it is tried again, and another workloadType may be free",
      phrases: [
        "insufficient capacity", "not enough capacity", "no capacity", "out of capacity", "lack of capacity",
        "capacity is not available", "capacity unavailable", "capacity is currently", "resources are not available",
        "stockout", "preempted",
      ]),
    KnownMessage(
      .theirs, "a quota is used up", advice: "ask for a larger quota, or free some of it; it is tried again",
      phrases: ["quota", "limit exceeded", "too many requests"]),
    KnownMessage(
      .theirs, "the provider's own failure",
      phrases: [
        "internal error", "internal server error", "service unavailable", "temporarily unavailable", "try again later",
      ]),
    KnownMessage(
      .theirs, "the network failed",
      phrases: [
        "network is unreachable", "network error", "connection reset", "connection timed out", "name resolution",
        "tls handshake",
      ]),
  ]
}
