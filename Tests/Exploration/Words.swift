internal import Endpoints
internal import Planning

// The text of a trace.

extension Operation {
  var words: String {
    switch self {
    case .create(_, let config, _, _): "POST \(shown(config))"
    case .updateConfig(_, let config): "PUT \(shown(config))"
    case .patchTags(_, let patch):
      "PATCH tags "
        + (patch.add.keys.sorted().map { "+\($0)" } + patch.remove.sorted().map { "-\($0)" }).joined(separator: " ")
    case .delete: "DELETE"
    case .changeSetting: call
    }
  }
}

extension Verdict {
  var word: String {
    switch self {
    case .passed: "passed"
    case .failed: "failed"
    case .inconclusive: "inconclusive"
    }
  }
}

extension MemoryChange {
  var words: String {
    switch self {
    case .found(let rollout, _, _, _): "records that \(name(rollout.digest)) was found"
    case .opened(let attempt, _, _): "records an attempt: \(attempt.kind.rawValue) to \(name(attempt.digest))"
    case .advanced(let attempt): "advances to \(attempt.step.map { "\($0.traffic) %" } ?? "the whole")"
    case .closed(let closing): "closes the attempt: \(closing.outcome.word)"
    case .liftedWhileAbsent: "lifts the hold"
    case .received, .verified, .checkedTarget, .retried: "records"
    }
  }
}

extension Step {
  /// Without anything that renaming changes.
  var shape: String {
    switch self {
    case .record(let change): change.words
    case .call(let operation): operation.words
    case .verify: "verify"
    case .checkTarget(let target): "check \(name(target.digest))"
    case .wait: "wait"
    case .rest: "rest"
    }
  }
}

extension World {
  var words: String { "\(provider.words); \(memory.words)" }
}

extension Provider {
  fileprivate var words: String {
    guard let live else { return "no endpoint" }
    var words = live.active.map { "live \(shown($0.config))@\($0.version)" } ?? "live -"
    if live.readiness != .ready { words += " not ready" }
    if let pending = live.pending { words += ", pending \(shown(pending.config))@\(pending.version)" }
    switch live.update {
    case .notUpdating: break
    case .inProgress: words += ", updating"
    case .failed: words += ", UPDATE_FAILED"
    case .canceled: words += ", UPDATE_CANCELED"
    case .unknown(let word): words += ", \(word)"
    }
    words += ", of \(live.fleet ?? "nobody")"
    if let held = HeldTag(tags: live.tags).held { words += ", \(held.trace)" }
    if live.isRetained { words += ", retained" }
    return words
  }
}

extension HeldConfig {
  fileprivate var trace: String {
    "held \(name(digest)) (\(cause.rawValue)\(isStalled ? ", stalled" : ""))\(target.map { " -> \(name($0))" } ?? "")"
  }
}

extension Memory {
  fileprivate var words: String {
    let good = revisions.filter(\.isGood).sorted { $0.established ?? 0 < $1.established ?? 0 }
    var words = "remembers \(good.isEmpty ? "nothing good" : good.map { name($0.digest) }.joined(separator: " < "))"
    if let attempt {
      words += ", \(attempt.kind.rawValue) to \(name(attempt.digest)) open"
      if let step = attempt.step { words += " at \(step.traffic) %" }
      if let acceptance = attempt.acceptance { words += " (accepted, version \(acceptance.version ?? 0))" }
      if let refusal = attempt.refusal { words += " (refused: \(refusal.message))" }
      if let verification = attempt.verification { words += " (\(verification.verdict.word))" }
    }
    if let heldWhileAbsent { words += ", \(heldWhileAbsent.trace)" }
    if !corrections.isEmpty { words += ", \(corrections.count) reverts" }
    for kind in backoffs.keys.sorted(by: { $0.rawValue < $1.rawValue }) { words += ", \(kind.rawValue) set back" }
    return words
  }
}

private func name(_ digest: ConfigDigest) -> String { Version.of(digest)?.rawValue ?? "?" }

/// Such as `A`, or `A90+G10`.
func shown(_ config: EndpointConfig) -> String {
  Version.of(config)?.rawValue ?? config.entities.map { "\($0.entityVersion)\($0.traffic)" }.joined(separator: "+")
}
