/// Where an endpoint stands, in one word. The raw value is what machines read.
package enum Phase: String, Hashable, Sendable, CaseIterable {
  /// Nobody has looked yet.
  case unknown
  /// It is what its manifest says, and ready.
  case inSync
  case creating
  case updating
  case rollingBack
  case deleting
  case adopting
  /// Left as it is until a person decides, or because a person decided.
  case held
  /// Something is to be done, and not at present: outside of a change window, paused, only observed, out of budget.
  case withheld
  /// Not well, and tried again by itself: it cannot be read, a call failed, it takes too long, it is not ready.
  case degraded
  /// What is wanted cannot be told: a broken manifest, an alias that nobody can look up.
  case blocked

  /// For people.
  package var words: String {
    switch self {
    case .inSync: "in sync"
    case .rollingBack: "rolling back"
    default: rawValue
    }
  }
}
