/// Why a replica is not there.
struct ReplicaFailure: Error, Hashable, Codable, Sendable, CustomStringConvertible {
  /// What happened, in plain words.
  let explanation: String
  /// The log's own line, where there is one.
  let line: String?
  /// Whether the same launch can be expected to work another time, as after a port that was taken.
  let isWorthRepeating: Bool

  init(_ explanation: String, line: String? = nil, isWorthRepeating: Bool = false) {
    self.explanation = explanation
    self.line = line
    self.isWorthRepeating = isWorthRepeating
  }

  var description: String {
    guard let line else { return explanation }
    return explanation + "; the log says: " + line
  }
}

/// How a process ended.
enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
  case code(Int)
  case signal(Int)
  /// It is gone and was not our child, so nobody told us how.
  case unknown

  var description: String {
    switch self {
    case .code(let code): "exit code \(code)"
    case .signal(let number): "signal \(number)"
    case .unknown: "an unknown exit status"
    }
  }
}
