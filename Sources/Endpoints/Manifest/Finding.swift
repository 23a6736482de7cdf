package import LibYAML

/// One problem in a manifest: where it is, what is wrong, and how to correct it.
///
/// Findings never contain values of environment variables or engine arguments.
package struct Finding: Sendable, Hashable, CustomStringConvertible {
  package enum Severity: String, Sendable, Hashable {
    /// The manifest is not used.
    case error
    /// The manifest is used as it is.
    case warning
  }

  package let severity: Severity
  package let location: SourceLocation
  /// The field, such as `spec.servedEntities[1].traffic`; empty for the file or document as a whole.
  package let path: String
  /// The problem, without a full stop.
  package let message: String
  /// The correction; nil if the message says it.
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

  /// The approximate size.
  var bytes: Int {
    location.file.utf8.count + path.utf8.count + message.utf8.count + (suggestion?.utf8.count ?? 0) + 32
  }

  /// One line: `fleet.yaml:7:3: error: spec.scaleToZer: unknown field; did you mean "scaleToZero"?`
  package var description: String {
    "\(location): \(severity.rawValue): " + (path.isEmpty ? "" : path + ": ") + message
      + (suggestion.map { "; " + $0 } ?? "")
  }
}

/// A rule's objection to a value, before the location is known.
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

/// Returns a text from a manifest as messages show it: in quotes, on one line, and shortened.
func shown(_ text: String) -> String {
  let longest = 60
  let start = String(text.unicodeScalars.prefix(longest))
  return "\"\(Printable.line(start))" + (text.unicodeScalars.count > longest ? "…\"" : "\"")
}
