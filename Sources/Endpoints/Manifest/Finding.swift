package import LibYAML

/// One thing about a manifest that a person should know: where it stands, what is wrong and what would be right.
///
/// Values of environment variables and engine arguments are never part of one.
package struct Finding: Sendable, Hashable, CustomStringConvertible {
  package enum Severity: String, Sendable, Hashable {
    /// The manifest is not used.
    case error
    /// The manifest is used as it stands.
    case warning
  }

  package let severity: Severity
  package let location: SourceLocation
  /// The field, such as `spec.servedEntities[1].traffic`; empty for the file or document as a whole.
  package let path: String
  /// What is wrong, without a full stop.
  package let message: String
  /// What would be right, or nil where the message says it.
  package let suggestion: String?

  package init(
    _ severity: Severity = .error, at location: SourceLocation, path: String = "", _ message: String,
    suggestion: String? = nil
  ) {
    self.severity = severity
    self.location = location
    self.path = FindingBounds.cut(path, to: 300)
    self.message = FindingBounds.cut(message)
    self.suggestion = suggestion.map { FindingBounds.cut($0) }
  }

  /// What it takes up, about.
  var bytes: Int {
    location.file.utf8.count + path.utf8.count + message.utf8.count + (suggestion?.utf8.count ?? 0) + 32
  }

  /// One line: `fleet.yaml:7:3: error: spec.scaleToZer: unknown field; did you mean "scaleToZero"?`
  package var description: String {
    "\(location): \(severity.rawValue): " + (path.isEmpty ? "" : path + ": ") + message
      + (suggestion.map { "; " + $0 } ?? "")
  }
}

/// What a rule has against a value, before the place is known.
package struct Fault: Sendable, Hashable {
  let severity: Finding.Severity
  let message: String
  let suggestion: String?

  init(_ message: String, suggestion: String? = nil, severity: Finding.Severity = .error) {
    self.severity = severity
    self.message = message
    self.suggestion = suggestion
  }
}

/// A text from a manifest as a message shows it: in quotes, on one line, not longer than a person reads.
func shown(_ text: String) -> String {
  let longest = 60
  let start = String(text.unicodeScalars.prefix(longest))
  return "\"\(Printable.line(start))" + (text.unicodeScalars.count > longest ? "…\"" : "\"")
}
