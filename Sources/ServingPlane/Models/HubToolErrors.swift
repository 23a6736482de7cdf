/// What the hub's tool wrote to standard error.
struct HubToolErrors: Hashable, Sendable {
  /// Without colors, and without hints for those who run the tool themselves.
  private let lines: [String]

  init(_ text: String) {
    lines = Self.withoutControls(text).split(whereSeparator: \.isNewline).map { $0.trimming(" \t") }.filter { line in
      !line.isEmpty && !line.hasPrefix("Hint:") && !line.contains("create it with:")
    }
  }

  /// The end of the messages, in one line.
  var lastWords: String {
    lines.isEmpty ? "it failed without a message" : String(lines.suffix(4).joined(separator: "; ").suffix(2000))
  }

  /// Whose failure it is, by the words of the tool.
  var code: ModelError.Code {
    if contain(["' not found.", "Revision not found", "Repository Not Found", "Revision Not Found"]) {
      return .missing
    }
    return contain(["Access denied."]) ? .invalid : .storage
  }

  private func contain(_ words: [String]) -> Bool {
    lines.contains { line in words.contains { line.contains($0) } }
  }

  /// The text without the terminal controls of ECMA-48.
  private static func withoutControls(_ text: String) -> String {
    var kept = String.UnicodeScalarView()
    var rest = Substring(text).unicodeScalars
    while let scalar = rest.first {
      rest.removeFirst()
      if scalar != "\u{1B}" {
        kept.append(scalar)
      } else if rest.first == "[" {
        // ESC [, parameters, and a final character.
        rest.removeFirst()
        while let parameter = rest.first, !(0x40...0x7E).contains(parameter.value) { rest.removeFirst() }
        if !rest.isEmpty { rest.removeFirst() }
      }
    }
    return String(kept)
  }
}
