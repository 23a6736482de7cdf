extension HeldConfig {
  /// Why the config is held.
  var explanation: String {
    switch cause {
    case .failed: "this config failed"
    case .refused: "the provider refused this config"
    case .verification: "this config failed its verification"
    case .canceled: "the update was canceled at the provider"
    case .rollback: "a user chose another revision"
    }
  }

  /// Returns what happened to the held config, as a clause with a subject: "revision 3 failed".
  func clause(_ subject: String) -> String {
    switch cause {
    case .failed: "\(subject) failed"
    case .refused: "\(subject) was refused"
    case .verification: "\(subject) failed its verification"
    case .canceled: "\(subject) was canceled at the provider"
    case .rollback: "a user chose it instead of \(subject)"
    }
  }

  /// The reason for the rollback.
  var rollbackCode: Reason.Code {
    switch cause {
    case .failed, .refused, .canceled: .updateFailed
    case .verification: .verificationFailed
    case .rollback: .askedFor
    }
  }
}
