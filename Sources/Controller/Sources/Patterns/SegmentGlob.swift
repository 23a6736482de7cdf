/// A pattern for one segment of a path, as in git: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, and `\` before a literal
/// character. Matching takes time in proportion to pattern and name, in all cases.
struct SegmentGlob: Hashable, Sendable {
  private enum Token: Hashable {
    case anything
    case one
    case exactly(Unicode.Scalar)
    case among([ClosedRange<Unicode.Scalar>], isNegated: Bool)
  }

  /// Nil if it cannot match anything: an unclosed bracket, a backslash at the end.
  private let tokens: [Token]?

  init(_ text: String) { tokens = Self.tokens(Array(text.unicodeScalars)) }

  func matches(_ name: String) -> Bool {
    guard let tokens else { return false }
    let scalars = Array(name.unicodeScalars)
    var (token, place) = (0, 0)
    // Where to continue if the rest does not match: one character later after the last `*`.
    var retry: (token: Int, place: Int)?
    while token < tokens.count || place < scalars.count {
      if token < tokens.count {
        if tokens[token] == .anything {
          retry = (token + 1, place)
          token += 1
          continue
        }
        if place < scalars.count, Self.takes(tokens[token], scalars[place]) {
          token += 1
          place += 1
          continue
        }
      }
      guard let last = retry, last.place < scalars.count else { return false }
      retry = (last.token, last.place + 1)
      (token, place) = (last.token, last.place + 1)
    }
    return true
  }

  private static func takes(_ token: Token, _ scalar: Unicode.Scalar) -> Bool {
    switch token {
    case .anything, .one: true
    case .exactly(let wanted): scalar == wanted
    case .among(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
    }
  }

  private static func tokens(_ text: [Unicode.Scalar]) -> [Token]? {
    var tokens: [Token] = []
    var rest = text[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "*": if tokens.last != .anything { tokens.append(.anything) }
      case "?": tokens.append(.one)
      case "\\":
        guard let next = rest.popFirst() else { return nil }
        tokens.append(.exactly(next))
      case "[":
        guard let set = set(&rest) else { return nil }
        tokens.append(set)
      default: tokens.append(.exactly(scalar))
      }
    }
    return tokens
  }

  /// Parses the set after a `[`, including its end; returns nil if it is unclosed.
  private static func set(_ rest: inout ArraySlice<Unicode.Scalar>) -> Token? {
    let isNegated = rest.first == "!" || rest.first == "^"
    if isNegated { rest.removeFirst() }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    var isFirst = true
    while let scalar = rest.popFirst() {
      if scalar == "]", !isFirst { return .among(ranges, isNegated: isNegated) }
      isFirst = false
      if scalar == "[", rest.first == ":", let end = rest.dropFirst().firstIndex(of: ":"),
        rest[end...].dropFirst().first == "]"
      {
        var name = ""
        name.unicodeScalars.append(contentsOf: rest[rest.startIndex..<end].dropFirst())
        guard let known = classes[name] else { return nil }
        ranges += known
        rest = rest[end...].dropFirst(2)
        continue
      }
      guard let low = scalar == "\\" ? rest.popFirst() : scalar else { return nil }
      guard rest.first == "-", let after = rest.dropFirst().first, after != "]" else {
        ranges.append(low...low)
        continue
      }
      rest.removeFirst(2)
      guard let high = after == "\\" ? rest.popFirst() : after else { return nil }
      if low <= high { ranges.append(low...high) }
    }
    return nil
  }

  private static let classes: [String: [ClosedRange<Unicode.Scalar>]] = [
    "alnum": ["0"..."9", "A"..."Z", "a"..."z"], "alpha": ["A"..."Z", "a"..."z"], "blank": [" "..." ", "\t"..."\t"],
    "cntrl": ["\u{0}"..."\u{1F}", "\u{7F}"..."\u{7F}"], "digit": ["0"..."9"], "graph": ["!"..."~"],
    "lower": ["a"..."z"], "print": [" "..."~"], "punct": ["!"..."/", ":"..."@", "["..."`", "{"..."~"],
    "space": ["\t"..."\r", " "..." "], "upper": ["A"..."Z"], "xdigit": ["0"..."9", "A"..."F", "a"..."f"],
  ]
}
