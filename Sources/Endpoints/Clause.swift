extension StringProtocol {
  /// The text as a part of a longer sentence: without blanks and the full stop at its end. An ellipsis stays.
  package var clause: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    if text.hasSuffix("."), !text.hasSuffix("..") { text = text.dropLast() }
    return String(text)
  }
}
