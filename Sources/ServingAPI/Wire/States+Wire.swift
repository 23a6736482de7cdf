package import Endpoints

extension Readiness {
  /// Parses `state.ready`. Compared exactly: `NOT_READY` also ends in `READY` (serving-api.md 2.6).
  package init(word: String) {
    self =
      switch word {
      case "READY": .ready
      case "NOT_READY": .notReady
      default: .unknown(word)
      }
  }

  /// The value on the wire.
  package var word: String {
    switch self {
    case .ready: "READY"
    case .notReady: "NOT_READY"
    case .unknown(let word): word
    }
  }
}

extension UpdateState {
  /// Parses `state.config_update`.
  package init(word: String) {
    self =
      switch word {
      case "NOT_UPDATING": .notUpdating
      case "IN_PROGRESS": .inProgress
      case "UPDATE_FAILED": .failed
      case "UPDATE_CANCELED": .canceled
      default: .unknown(word)
      }
  }

  /// The value on the wire.
  package var word: String {
    switch self {
    case .notUpdating: "NOT_UPDATING"
    case .inProgress: "IN_PROGRESS"
    case .failed: "UPDATE_FAILED"
    case .canceled: "UPDATE_CANCELED"
    case .unknown(let word): word
    }
  }
}
