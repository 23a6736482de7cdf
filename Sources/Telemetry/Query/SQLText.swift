/// A statement as text: its first word and the places of its words.
struct SQLText {
  struct Token {
    let text: Substring
    var start: Substring.Index { text.startIndex }
    var end: Substring.Index { text.endIndex }
  }

  let text: String
  /// Words, numbers, quoted texts and single other characters, without spaces and comments.
  let tokens: [Token]

  init(_ text: String) {
    self.text = text
    var tokens: [Token] = []
    var rest = text[...]
    while let first = rest.first {
      if first.isWhitespace {
        rest.removeFirst()
      } else if rest.hasPrefix("--") {
        rest = rest.drop { !$0.isNewline }
      } else if rest.hasPrefix("/*") {
        rest = Self.afterComment(rest)
      } else {
        let length = Self.length(rest, first)
        tokens.append(Token(text: rest.prefix(length)))
        rest = rest.dropFirst(length)
      }
    }
    self.tokens = tokens
  }

  /// The first word, in capitals.
  var verb: String { tokens.first.map { $0.text.uppercased() } ?? "" }

  /// What a `PRAGMA` asks for, in small letters.
  var pragma: String? {
    guard verb == "PRAGMA", tokens.count > 1 else { return nil }
    return tokens[1].text.lowercased()
  }

  func position(_ index: String.Index) -> SQLError.Position {
    var line = 1
    var column = 1
    for character in text[..<index] {
      if character.isNewline {
        line += 1
        column = 1
      } else {
        column += 1
      }
    }
    return SQLError.Position(line: line, column: column)
  }

  private static func length(_ rest: Substring, _ first: Character) -> Int {
    if isWord(first) { return rest.prefix(while: isWord).count }
    guard first == "[" || "'\"`".contains(first) else { return 1 }
    let closing: Character = first == "[" ? "]" : first
    var count = 1
    var isOpen = true
    for character in rest.dropFirst() {
      // A doubled quote closes and opens again.
      if !isOpen, character != closing || closing == "]" { break }
      count += 1
      if character == closing { isOpen.toggle() }
    }
    return count
  }

  private static func isWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_" || character == "$"
  }

  private static func afterComment(_ rest: Substring) -> Substring {
    var rest = rest.dropFirst(2)
    while !rest.isEmpty, !rest.hasPrefix("*/") { rest.removeFirst() }
    return rest.dropFirst(2)
  }
}
