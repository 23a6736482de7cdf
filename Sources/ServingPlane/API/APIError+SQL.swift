import Telemetry

extension APIError {
  /// The message begins with the place in the statement, if there is one: `line 1, column 8: …`.
  init(_ error: SQLError) {
    switch error.kind {
    case .syntax, .readOnly, .severalStatements: self = .invalid(error.message)
    case .timeout: self.init(status: 504, code: "DEADLINE_EXCEEDED", message: error.message)
    case .busy: self.init(status: 429, code: "RESOURCE_EXHAUSTED", message: error.message)
    case .failed: self = .internal(error.message)
    }
  }
}
