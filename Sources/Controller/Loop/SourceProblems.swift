internal import Endpoints

/// A source's problems as its status, events and log show them: a few lines, and a count of the rest.
enum SourceProblems {
  /// The maximum number of lines; the rest is counted. The same limit applies to endpoint events from one read.
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
    // If there is nothing to read at all, the finding says the same.
    return [problem] + lines.filter { !$0.contains(problem) }
  }

  /// Remarks that do not make the source incomplete, such as files that are skipped.
  static func remarks(of reading: SourceReading) -> [String] {
    reading.set.findings.lazy.filter { $0.severity == .warning }.prefix(mostLines).map { cut($0.description) }
  }

  private static func cut(_ text: String) -> String {
    text.utf8.count <= longestLine ? text : String(text.unicodeScalars.prefix(longestLine)) + "…"
  }
}
