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
    /// The new replicas wait for room that other endpoints free; the old ones serve in the meantime.
    case wait
  }

  /// Why the plane does not accept the config, or why its rollout would fail at once; nil if neither.
  package var refusal: String?
  /// Nil if no replica that serves is replaced, or if an update is in progress.
  package var room: Room?
  /// The time that the endpoint's last start took until its replica was ready; nil if unknown.
  package var lastStart: Duration?

  package init(refusal: String? = nil, room: Room? = nil, lastStart: Duration? = nil) {
    self.refusal = refusal
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
      return "no room for both versions yet: the new replicas wait until other endpoints free some, and the old ones "
        + "serve until then"
    case nil: return nil
    }
  }

  /// The effect of a config that the plane does not accept; nil if it accepts it.
  package var refusedEffect: String? { refusal.map { "none: the plane refuses the config: \($0.clause)" } }

  private var waitText: String {
    guard let wait = expectedWaitSeconds, let last = lastStartSeconds else { return "" }
    return " about \(Self.text(wait)) (last start took \(Self.text(last)))"
  }

  private static func text(_ seconds: Int64) -> String {
    if seconds < 120 { return "\(seconds) s" }
    return seconds.isMultiple(of: 60) ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
  }
}
