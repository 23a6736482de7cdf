extension StringProtocol {
  /// The text as part of a longer sentence: without trailing whitespace and full stop. An ellipsis stays.
  package var clause: String {
    var text = self[...]
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    if text.hasSuffix("."), !text.hasSuffix("..") { text = text.dropLast() }
    return String(text)
  }
}
