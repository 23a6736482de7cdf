import Endpoints

/// Why a replica failed.
struct ReplicaFailure: Error, Hashable, Codable, Sendable, CustomStringConvertible {
  /// What happened, in plain words.
  let explanation: String
  /// The original log line, if there is one.
  let line: String?
  /// Whether the same launch may succeed another time, as after a port that was taken.
  let isWorthRepeating: Bool
  /// The name of the cause in diagnoses (docs/explain.md); nil if it has none, or if an earlier version recorded it.
  let code: String?

  init(_ explanation: String, line: String? = nil, isWorthRepeating: Bool = false, code: String? = nil) {
    self.explanation = explanation
    self.line = line
    self.isWorthRepeating = isWorthRepeating
    self.code = code
  }

  /// A failure of the machine: any config would fail like this here, and succeed once the machine is repaired.
  static func ofMachine(_ explanation: String, line: String? = nil, code: String? = nil) -> ReplicaFailure {
    ReplicaFailure("\(KnownMessage.machineFault): \(explanation)", line: line, isWorthRepeating: true, code: code)
  }

  /// The failure without values that an engine's output must not reveal.
  func redacted(_ redaction: Redaction) -> ReplicaFailure {
    ReplicaFailure(
      redaction.applied(to: explanation), line: line.map(redaction.applied), isWorthRepeating: isWorthRepeating,
      code: code)
  }

  var description: String {
    guard let line else { return explanation }
    return explanation + MessageView.outputMark + line
  }
}

/// How a process ended.
enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
  case code(Int)
  case signal(Int)
  /// It is gone and was not our child, so its exit status is unknown.
  case unknown

  /// The end of a sentence: `exited with code 1`, `was killed by SIGKILL`.
  var description: String {
    switch self {
    case .code(let code):
      "exited with code \(code)" + (ProcessSignal.ofExitCode(code).map { " (\($0.name))" } ?? "")
    case .signal(let number): "was killed by \(ProcessSignal.numbered(number)?.name ?? "signal \(number)")"
    case .unknown: "exited with an unknown status"
    }
  }
}

extension ProcessExit {
  /// The signal that ended it, or that its exit code stands for.
  var signal: ProcessSignal? {
    switch self {
    case .signal(let number): ProcessSignal.numbered(number)
    case .code(let code): ProcessSignal.ofExitCode(code)
    case .unknown: nil
    }
  }
}
