/// Whose fault a failure is.
package enum CauseClass: String, Hashable, Sendable {
  /// Our fault: the config, the model or its verification. The same config would fail again.
  case ours
  /// Not our fault: capacity, a quota, a provider failure or the network. The same config may work later.
  case theirs
}

/// A failure that is recognized by the message of a provider or a model server (serving-api.md 1.7 and 4.5): whose
/// fault it is, what it means, and what the user can do.
package struct KnownMessage: Hashable, Sendable {
  package let cause: CauseClass
  package let plain: String
  /// What the user can do; nil if ``plain`` says it.
  package let remedy: String?
  /// Whether the message says that a named object does not exist: it may be created later.
  package let isAbsence: Bool
  /// The signs, in lower case. The message contains all parts of at least one of them; for an absence, in this order
  /// and in one clause, because its words are common.
  private let signs: [[String]]
  /// Phrases, in lower case, that already say what ``plain`` says.
  private let equivalents: [String]

  private init(
    _ cause: CauseClass, _ plain: String, remedy: String? = nil, isAbsence: Bool = false, equivalents: [String] = [],
    _ signs: [[String]]
  ) {
    self.cause = cause
    self.plain = plain
    self.remedy = remedy
    self.isAbsence = isAbsence
    self.equivalents = [plain.lowercased()] + equivalents
    self.signs = signs
  }

  private init(
    _ cause: CauseClass, _ plain: String, remedy: String? = nil, equivalents: [String] = [], phrases: [String]
  ) {
    self.init(cause, plain, remedy: remedy, equivalents: equivalents, phrases.map { [$0] })
  }

  /// What the user can do about a failed change of an endpoint, and whether it is retried without the user: unlike a
  /// change, a failed read is not.
  package var advice: String? {
    remedy.map { cause == .theirs ? $0 + Self.retryPromise : $0 }
  }

  /// The end of ``advice`` on a failure that is retried.
  package static let retryPromise = "; the change is retried automatically"

  /// Returns the known failure that a message reports, or nil.
  ///
  /// A temporary cause wins over one that is ours: a message such as "failed to load the model: connection reset" says
  /// what broke and why, and the reason decides whether to retry.
  package static func found(in message: String) -> KnownMessage? {
    let message = message.lowercased()
    // A memory limit is not a rate limit.
    let limits = ["memory limit exceeded", "memory limit has been exceeded", "exceeded memory limit"]
    let passing =
      limits.contains(where: message.containsBytes)
      ? limits.reduce(message) { $0.replacing($1, with: "out of memory") } : message
    return all.first { $0.cause == .theirs && $0.isSaid(by: passing) } ?? all.first { $0.isSaid(by: passing) }
  }

  /// Returns the server's message, introduced by its meaning unless the message already says it.
  package func introducing(_ words: String) -> String {
    let said = words.lowercased()
    return equivalents.contains(where: said.containsBytes) ? words : "\(plain): \(words)"
  }

  private func isSaid(by message: String) -> Bool {
    signs.contains { parts in
      parts.allSatisfy(message.containsBytes) && (!isAbsence || Self.holds(message, parts))
    }
  }

  /// Whether the parts follow each other in the message, close enough to belong together.
  private static func holds(_ message: String, _ parts: [String]) -> Bool {
    guard let first = parts.first else { return false }
    var start = message.startIndex
    while let found = message[start...].firstRange(of: first) {
      var end = found.upperBound
      let rest = parts.dropFirst().allSatisfy { part in
        let clause = message[end...].prefix(longestGap)
        guard let next = clause.firstRange(of: part) else { return false }
        let gap = clause[..<next.lowerBound]
        guard !gap.contains(where: { $0 == ";" || $0.isNewline }), !gap.contains(". ") else { return false }
        end = next.upperBound
        return true
      }
      if rest { return true }
      start = found.upperBound
    }
    return false
  }

  /// Long enough for the name of a model or an endpoint.
  private static let longestGap = 200

  private static let all = gates + absences + models + signals + theirs

  private static let gates = [
    KnownMessage(
      .ours, "custom LLM serving is not enabled",
      remedy: "custom LLM serving is not enabled in this workspace; an admin turns it on under Previews",
      [["entrypoint", "not supported"]]),
    KnownMessage(
      .ours, "this hardware is not available here",
      remedy: "if the list of choices is empty, the workspace's region or enrollment lacks this hardware; "
        + "otherwise choose a workloadType and size from that list",
      [["workload", "size", "not supported"]]),
    KnownMessage(
      .ours, "too many served entities",
      remedy: "an endpoint can have at most 15 served entities; split it into several endpoints",
      [["more than 15 elements"]]),
    KnownMessage(
      .ours, "a version is listed twice",
      remedy: "two served entities have the same model and version; list each model version once",
      [["cannot create 2+ served entities"]]),
    KnownMessage(
      .ours, "this model is served by model units",
      remedy: "this model is served by model units, which Setpoint does not manage yet",
      [["not eligible for provisioned throughput"]]),
    KnownMessage(
      .theirs, "the version is still being registered",
      remedy: "a large version takes 20 to 30 minutes to register",
      [["pending_registration"], ["model version", "not ready"], ["version", "still being registered"]]),
    KnownMessage(
      .ours, "a permission is missing",
      remedy:
        "the endpoint's creator needs EXECUTE on the model, USE CATALOG and USE SCHEMA; serving loads the model as "
        + "the creator",
      [
        ["does not have", "execute"], ["does not have", "use schema"], ["does not have", "use catalog"],
        ["does not have", "privilege"], ["insufficient privileges"], ["missing", "grant"],
      ]),
  ]

  /// Missing objects that may be created later: a version, a secret.
  private static let absences = [
    // A plane's own message says where to write the value.
    KnownMessage(
      .theirs, "a secret is missing", isAbsence: true, equivalents: ["no secret"],
      [["no secret", "on this plane"]]),
    KnownMessage(
      .theirs, "a secret is missing", remedy: "create the secret", isAbsence: true,
      equivalents: ["no secret", "secret does not exist"],
      [["secret", "does not exist"], ["secret", "not found"], ["there is no secret"], ["no such secret"]]),
    // A plane's own message says how to register the model.
    KnownMessage(
      .theirs, "the model version is not registered", isAbsence: true, equivalents: ["has no version"],
      [["has no version", "the plane has no model with that name"]]),
    KnownMessage(
      .theirs, "the model version is not registered",
      remedy: "register it, or use one that exists", isAbsence: true,
      equivalents: ["has no version", "no registered model", "is not registered"],
      [
        ["has no version"], ["no registered model"], ["registered model", "does not exist"],
        ["registered model", "not found"], ["model version", "not found"], ["version", "does not exist"],
        ["model '", "does not exist"], ["model \"", "does not exist"],
      ]),
  ]

  /// Terminations by a signal, as container runtimes and planes report them.
  private static let signals = ProcessSignal.all.map { signal in
    KnownMessage(
      signal.isPassing ? .theirs : .ours, "killed by \(signal.name): \(signal.meaning)",
      equivalents: [signal.meaning.lowercased()],
      phrases: ["exit code ", "exit code: ", "exited with code ", "exit status "].map { "\($0)\(128 + signal.number)" }
        + [signal.name.lowercased()])
  }

  private static let models = [
    KnownMessage(
      .ours, "out of memory",
      remedy:
        "choose a larger workloadType, or let vLLM use less memory: a smaller --max-model-len or "
        + "--gpu-memory-utilization",
      phrases: ["out of memory", "outofmemory", "oom-killed", "oomkilled", "no available memory for the cache blocks"]),
    KnownMessage(
      .ours, "the model cannot be loaded",
      equivalents: [
        "unknown architecture", "unsupported dtype", "unknown model path", "broken weights", "cannot be loaded",
        "failed to load",
      ],
      phrases: ["failed to load", "no such file", "unknown model", "unsupported", "not supported", "bfloat16"]),
    KnownMessage(
      .ours, "an invalid flag",
      remedy: "vLLM's flags are in the model version's entrypoint, or under engine for a plane",
      equivalents: ["unknown flag", "bad flag value"],
      phrases: ["unrecognized argument", "unknown flag", "invalid choice", "invalid argument"]),
  ]

  /// The beginning of a plane's message about what its machine lacks, regardless of the model.
  package static let machineFault = "the plane's machine is at fault"

  /// The beginning of a plane's message about a registry on another machine that gives it no files, regardless of the
  /// model.
  package static let registryFault = "the plane's model registry is unavailable"

  private static let theirs = [
    KnownMessage(
      .theirs, machineFault, remedy: "fix it on that machine", phrases: [machineFault]),
    KnownMessage(
      .theirs, registryFault, remedy: "check that server, and the plane's credentials for it",
      phrases: [registryFault]),
    KnownMessage(
      .theirs, "no capacity",
      remedy: "the cloud has none of this hardware at present; another workloadType may be available",
      phrases: [
        "insufficient capacity", "not enough capacity", "no capacity", "out of capacity", "lack of capacity",
        "capacity is not available", "capacity unavailable", "capacity is currently", "resources are not available",
        "stockout", "preempted",
      ]),
    KnownMessage(
      .theirs, "a quota is used up",
      remedy: "request a larger quota or free some of it",
      phrases: ["quota", "limit exceeded", "too many requests"]),
    KnownMessage(
      .theirs, "the provider's own failure",
      phrases: [
        "internal error", "internal server error", "service unavailable", "temporarily unavailable", "try again later",
        "retry later", "bad gateway", "gateway timeout", "gateway time-out",
        "answers its first request with http 5",
      ]),
    KnownMessage(
      .theirs, "the network failed",
      phrases: [
        "network is unreachable", "network error", "connection reset", "connection refused", "connection aborted",
        "connection closed", "connection timed out", "connect timeout", "read timed out", "read timeout",
        "request timed out", "name resolution", "could not resolve host", "failed to resolve", "tls handshake",
        "max retries exceeded with url",
      ]),
  ]
}
