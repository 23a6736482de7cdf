internal import Endpoints

/// What is wrong with a source, as its status, its events and its log tell it: a few lines, and a count for the rest.
enum SourceProblems {
  /// More are counted. The same bound holds for events of endpoints that one reading brings.
  static let mostLines = 20
  private static let longestLine = 600

  static func lines(of reading: SourceReading) -> [String] {
    let errors = reading.set.findings.filter { $0.severity == .error }
    var lines = errors.prefix(mostLines).map { cut($0.description) }
    let rest = errors.count - lines.count + max(0, reading.set.omittedFindings - 1)
    if errors.count > lines.count {
      lines.append("\(rest) more finding\(rest == 1 ? "" : "s"); \"setpoint validate\" lists them")
    }
    guard let problem = reading.problem else { return lines }
    // Where there is nothing to read at all, the finding says the same.
    return [problem] + lines.filter { !$0.contains(problem) }
  }

  /// What does not speak against the source and is to be known all the same: files that are left out, for example.
  static func remarks(of reading: SourceReading) -> [String] {
    reading.set.findings.lazy.filter { $0.severity == .warning }.prefix(mostLines).map { cut($0.description) }
  }

  private static func cut(_ text: String) -> String {
    text.utf8.count <= longestLine ? text : String(text.unicodeScalars.prefix(longestLine)) + "…"
  }
}
