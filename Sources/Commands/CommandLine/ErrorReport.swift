/// An error for the user: what happened, where, why, and what to do next.
package struct ErrorReport: Error, Hashable, Sendable, CustomStringConvertible {
  package let what: String
  /// The file, endpoint or call.
  package let place: String?
  /// The cause; a server's own words are kept unchanged.
  package let why: String?
  package let next: String?

  package init(_ what: String, place: String? = nil, why: String? = nil, next: String? = nil) {
    self.what = what
    self.place = place
    self.why = why
    self.next = next
  }

  /// The lines for standard error.
  package func lines(_ palette: Palette = .plain) -> [String] {
    var lines = what.split(whereSeparator: \.isNewline).enumerated().map { index, part in
      (index == 0 ? palette.paint("error:", .failed) + " " : "         ") + part
    }
    for (label, text) in [("where", place), ("why", why), ("next", next)] {
      guard let text, !text.isEmpty else { continue }
      // A text of several lines, such as the end of a log, keeps its line breaks.
      let parts = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      let label = "  \(label):" + String(repeating: " ", count: 6 - label.count)
      let indent = String(repeating: " ", count: label.count)
      lines += parts.enumerated().map { ($0 == 0 ? palette.paint(label, .muted) : indent) + $1 }
    }
    return lines
  }

  package var description: String { lines().joined(separator: "\n") }
}
