/// How soon a replica is checked again: after the usual interval, or soon while it is in trouble. It is in trouble from
/// a report of the gateway until a check shows that it works.
struct ProbePace: Hashable, Sendable {
  /// The usual interval.
  let usual: Duration
  /// The shortest interval. It doubles with each check that fails.
  let shortest: Duration
  /// The interval while the replica is in trouble; nil if it is not.
  private var urgent: Duration?

  init(usual: Duration, shortest: Duration) {
    self.usual = usual
    self.shortest = min(shortest, usual)
  }

  /// Whether the replica is in trouble.
  var isTroubled: Bool { urgent != nil }

  /// The time from the end of a check to the next one.
  var pause: Duration { urgent ?? usual }

  /// Notes that a check begins.
  ///
  /// - Parameter isReported: whether the gateway has reported trouble since the last one.
  mutating func beginCheck(isReported: Bool) {
    if isReported {
      urgent = shortest
    } else if let last = urgent {
      urgent = min(last * 2, usual)
    }
  }

  /// Notes the result of a check.
  ///
  /// - Returns: whether it has ended the trouble.
  mutating func endCheck(isWell: Bool) -> Bool {
    guard isWell, isTroubled else { return false }
    urgent = nil
    return true
  }
}
