internal import Durations

/// What a serving plane says about a config before it is sent: whether it accepts it, and whether its machine has room
/// for the new replicas beside the old ones. Valid only for the moment at which it was requested.
package struct RolloutForecast: Hashable, Sendable {
  /// How the replicas are replaced.
  package enum Room: String, Hashable, Sendable, CaseIterable {
    /// All new replicas start beside the old ones.
    case both
    /// Some old replicas stop before the new ones start; the others serve in the meantime.
    case part
    /// All old replicas stop before the new ones start, so requests wait.
    case swap
    /// The new replicas wait for room that other endpoints free. If old ones serve, they do so in the meantime.
    case wait
    /// No replica serves, and the new ones start at once.
    case start
    /// No replica is replaced.
    case kept
  }

  /// Why the plane does not accept the config, or why its rollout would fail at once; nil if neither.
  package var refusal: String?
  /// Whether the plane accepts the config, and its rollout then fails at once because of ``refusal``.
  package var failsAtOnce: Bool
  /// Nil if it is not known, as while an update is in progress.
  package var room: Room?
  /// The time that the endpoint's last start took until its replica was ready; nil if unknown.
  package var lastStart: Duration?

  package init(refusal: String? = nil, failsAtOnce: Bool = false, room: Room? = nil, lastStart: Duration? = nil) {
    self.refusal = refusal
    self.failsAtOnce = failsAtOnce
    self.room = room
    self.lastStart = lastStart
  }

  /// About how long requests wait, in seconds; nil if they do not wait, or if that is unknown.
  package var expectedWaitSeconds: Int64? {
    guard room == .swap, let seconds = lastStartSeconds else { return nil }
    let step: Int64 = seconds < 60 ? 5 : seconds < 180 ? 10 : 60
    return (seconds + step - 1) / step * step
  }

  /// The duration of the last start in whole seconds, at least one.
  private var lastStartSeconds: Int64? {
    guard let (seconds, attoseconds) = lastStart?.components else { return nil }
    return max(1, seconds + (attoseconds >= 500_000_000_000_000_000 ? 1 : 0))
  }

  /// What happens to requests and replicas, in a sentence; nil if there is nothing to say.
  package var effect: String? {
    if let refusedEffect { return refusedEffect }
    switch room {
    case .both: return "both versions fit: new replicas start beside the old ones; traffic switches when they are ready"
    case .part:
      return "there is room for some of the new replicas: some old ones stop first, and the others serve until the new "
        + "ones are ready"
    case .swap: return "no room for both versions: requests wait\(waitText) while replicas are replaced"
    case .wait:
      return "no room yet: the new replicas wait until other endpoints free some, for which idle ones that scale to "
        + "zero stop; until then, this endpoint does not change"
    case .start: return "new replicas start; nothing is serving at present"
    case .kept: return "no replica is restarted; replicas are added or removed if their number changes"
    case nil: return nil
    }
  }

  /// Why the config does not become the one that serves, with who says so; nil if it may.
  package var refusalText: String? {
    guard let refusal else { return nil }
    if failsAtOnce { return "the plane accepts the config, but its rollout fails at once: \(refusal.clause)" }
    return "the plane refuses the config: \(refusal.clause)"
  }

  /// The effect of a config that does not become the one that serves; nil if it may.
  package var refusedEffect: String? { refusalText.map { "none: \($0)" } }

  private var waitText: String {
    guard let wait = expectedWaitSeconds, let last = lastStartSeconds else { return "" }
    return " about \(DurationText.text(seconds: wait)) (last start took \(DurationText.text(seconds: last)))"
  }
}
