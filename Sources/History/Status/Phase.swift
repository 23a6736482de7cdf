/// The state of an endpoint in one word. The raw value is for machines.
package enum Phase: String, Hashable, Sendable, CaseIterable {
  /// Not checked yet.
  case unknown
  /// Live state matches the manifest, and the endpoint is ready.
  case inSync
  case creating
  case updating
  case rollingBack
  case deleting
  case adopting
  /// Left as it is until a user decides, or because a user decided.
  case held
  /// A change is due but not allowed now: a change window, a pause, observe mode, the write budget.
  case withheld
  /// Failing, and retried automatically: it cannot be read, a call failed, it takes too long, it is not ready.
  case degraded
  /// The desired state is unknown: an invalid manifest, an alias that cannot be resolved.
  case blocked

  /// The phase for people.
  package var text: String {
    switch self {
    case .inSync: "in sync"
    case .rollingBack: "rolling back"
    default: rawValue
    }
  }
}
