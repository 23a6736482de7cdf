/// The reference that a git source follows: a branch, a tag, `HEAD`, a full reference, or one fixed commit.
package struct GitRef: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// A branch of that name or, if there is none, a tag.
    case name
    /// `HEAD`, or a reference that begins with `refs/`.
    case reference
    /// A full commit hash, which never changes.
    case commit
  }

  package let text: String
  package let kind: Kind

  package var description: String { text }

  /// - Throws: a `GitSourceError` if it is not a valid name of a reference (git-check-ref-format(1)).
  package init(_ text: String) throws(GitSourceError) {
    self.text = text
    if [40, 64].contains(text.utf8.count), text.allSatisfy({ $0.isASCII && $0.isHexDigit }) {
      kind = .commit
      return
    }
    kind = text == "HEAD" || text.hasPrefix("refs/") ? .reference : .name
    let forbidden: Set<Character> = [" ", "~", "^", ":", "?", "*", "[", "\\", "\u{7F}"]
    let isValid =
      !text.isEmpty && !text.hasPrefix("-") && !text.hasSuffix(".") && !text.contains("..") && !text.contains("@{")
      && !text.contains { forbidden.contains($0) || $0.unicodeScalars.contains { $0.value < 0x20 } }
      && text.split(separator: "/", omittingEmptySubsequences: false)
        .allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".lock") }
    guard isValid else {
      throw GitSourceError(
        "\"\(text)\" is not a valid branch, tag or commit", next: "specify one, for example --ref main")
    }
  }

  /// The possible full references, best first.
  var candidates: [String] {
    switch kind {
    case .name: ["refs/heads/\(text)", "refs/tags/\(text)"]
    case .reference: [text]
    case .commit: []
    }
  }

  /// Its name in a sentence, for people.
  var phrase: String {
    switch kind {
    case .name: "branch or tag \"\(text)\""
    case .reference: "reference \"\(text)\""
    case .commit: "commit \(text)"
    }
  }
}

/// Why the settings of a git source are invalid.
package struct GitSourceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  package let message: String
  /// What to do.
  package let next: String

  package init(_ message: String, next: String) {
    self.message = message
    self.next = next
  }

  package var description: String { "\(message); \(next)" }
}
