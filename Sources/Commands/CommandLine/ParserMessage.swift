/// A message of the argument parser in the form of our own errors: it begins in lower case, quotes with `"…"`, has no
/// full stop, and its advice is separate.
///
/// A message of another form, such as one of our own, is not changed.
struct ParserMessage: Hashable, Sendable {
  let what: String
  /// What was probably meant, or which values are valid; nil if the parser does not say.
  let advice: String?

  init(_ text: String) {
    if let words = Self.words(of: text[...], between: ["Unknown option '", "'. Did you mean '", "'?"]) {
      what = "unknown option \"\(words[0])\""
      advice = "did you mean \"\(words[1])\"?"
      return
    }
    let (message, values) = Self.withoutValues(text)
    what = Self.translated(message)
    advice = values.isEmpty ? nil : "use \(Self.alternatives(values))"
  }

  /// Returns the advice, followed by another.
  func advice(and more: String) -> String {
    guard let advice else { return more }
    return advice.hasSuffix("?") ? "\(advice) \(more)" : "\(advice); \(more)"
  }

  // MARK: - The parser's forms

  /// The fixed parts of messages. Between them are words that the parser quotes. The longer one of two forms with the
  /// same beginning comes first.
  private static let forms = [
    ["Unknown option '", "'"],
    ["Unexpected argument '", "'"],
    ["Missing expected argument '", "'"],
    ["Missing value for '", "' in '", "'"],
    ["Missing value for '", "'"],
    ["The value '", "' is invalid for '", "'"],
    ["The option '", "' does not take any value, but '", "' was specified."],
  ]

  private static func translated(_ text: Substring) -> String {
    for form in forms {
      if let found = words(of: text, between: form) { return filled(form, found) }
    }
    // `2 unexpected arguments: 'a', 'b'`
    if let list = text.firstRange(of: " unexpected arguments: '"), text.hasSuffix("'") {
      let items = text[list.upperBound...].dropLast().split(separator: "', '", omittingEmptySubsequences: false)
      let quoted = items.map { "\"\($0)\"" }.joined(separator: ", ")
      return "\(text[..<list.lowerBound]) unexpected arguments: \(quoted)"
    }
    // `Unknown option '-xf'`, and on a second line `   or: Missing value for '-f <FILE>' in '-xf'`
    if let or = text.firstRange(of: "\n   or: ") {
      let (one, other) = (ParserMessage(String(text[..<or.lowerBound])), ParserMessage(String(text[or.upperBound...])))
      return "\(one.what), or \(other.what)"
    }
    return String(text)
  }

  /// Returns the form with these words, in our style.
  private static func filled(_ form: [String], _ words: [Substring]) -> String {
    let parts = form.map { $0.replacing("'", with: "\"") }
    let text = parts[0] + zip(words, parts.dropFirst()).map { "\($0)\($1)" }.joined()
    let start = text.prefix(1).lowercased() + text.dropFirst()
    return start.hasSuffix(".") ? String(start.dropLast()) : start
  }

  /// Returns the words between the parts of a form; nil if the text has another form.
  private static func words(of text: Substring, between form: [String]) -> [Substring]? {
    guard let first = form.first, let last = form.last, form.count > 1, text.hasPrefix(first) else { return nil }
    var rest = text.dropFirst(first.count)
    var words: [Substring] = []
    for part in form.dropFirst().dropLast() {
      guard let found = rest.firstRange(of: part) else { return nil }
      words.append(rest[..<found.lowerBound])
      rest = rest[found.upperBound...]
    }
    guard rest.hasSuffix(last) else { return nil }
    let word = rest.dropLast(last.count)
    return word.contains(where: \.isNewline) ? nil : words + [word]
  }

  // MARK: - Valid values

  /// Separates `. Please provide one of 'a', 'b' or 'c'.` or a list of lines from a message.
  private static func withoutValues(_ text: String) -> (message: Substring, values: [Substring]) {
    guard let start = text.firstRange(of: ". Please provide one of ") else { return (text[...], []) }
    let (message, list) = (text[..<start.lowerBound], text[start.upperBound...])
    if list.contains(where: \.isNewline) {
      let lines = list.split(whereSeparator: \.isNewline).dropFirst()
      return (message, lines.map { line in line.drop { $0 == " " || $0 == "-" } })
    }
    let parts = list.split(separator: "'").enumerated()
    return (message, parts.filter { $0.offset.isMultiple(of: 2) }.map(\.element))
  }

  private static func alternatives(_ values: [Substring]) -> String {
    let quoted = values.map { "\"\($0)\"" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }
}
