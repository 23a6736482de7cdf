/// Reads JSON (RFC 8259) into the same nodes as YAML, with the same limits. JSON is nearly YAML, but libyaml refuses
/// the two `\u` escapes of a surrogate pair, long keys, and some uses of whitespace.
struct JSONDocumentReader {
  private let input: UnsafeBufferPointer<UInt8>
  private let source: SourceFile
  private let limits: YAMLLimits
  private var position: Int
  private var nodes = 0
  /// The offset whose line and column are known. It only moves forward, so that a long line is counted once.
  private var placed: Int
  private var line = 1
  private var column = 1

  /// - Parameter start: the offset of the first byte to read, after a byte order mark.
  private init(_ input: UnsafeBufferPointer<UInt8>, from start: Int, source: SourceFile, limits: YAMLLimits) {
    self.input = input
    self.source = source
    self.limits = limits
    position = start
    placed = start
  }

  /// Returns all documents of a text: one value, or several separated by whitespace or a line `---`.
  ///
  /// - Throws: `YAMLError` at the first fault.
  static func documents(
    in bytes: [UInt8], file: SourceFile, limits: YAMLLimits
  ) throws(YAMLError) -> [YAMLDocument] {
    let result: Result<[YAMLDocument], YAMLError> = bytes.withUnsafeBufferPointer { input in
      do throws(YAMLError) {
        let start = input.starts(with: YAMLParser.byteOrderMark) ? YAMLParser.byteOrderMark.count : 0
        var reader = JSONDocumentReader(input, from: start, source: file, limits: limits)
        var documents: [YAMLDocument] = []
        while let document = try reader.next() { documents.append(document) }
        return .success(documents)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Whether a text begins like a JSON object or array.
  static func isMeant(by bytes: [UInt8]) -> Bool {
    let start = bytes.starts(with: YAMLParser.byteOrderMark) ? YAMLParser.byteOrderMark.count : 0
    // There may be a line `---` before it.
    guard let first = bytes[start...].first(where: { !isSpace($0) && $0 != UInt8(ascii: "-") }) else { return false }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
  }

  private mutating func next() throws(YAMLError) -> YAMLDocument? {
    skipSpace()
    while isDocumentMark { position += 3; skipSpace() }
    guard position < input.count else { return nil }
    nodes = 0
    let mark = mark()
    return YAMLDocument(location: SourceLocation(source: source, mark: mark), root: try value(depth: 1))
  }

  /// Whether there is a `---` alone here, as tools write between the documents of a stream.
  private var isDocumentMark: Bool {
    guard input.count - position >= 3, (position..<position + 3).allSatisfy({ input[$0] == UInt8(ascii: "-") }) else {
      return false
    }
    return position + 3 == input.count || Self.isSpace(input[position + 3])
  }

  // MARK: Positions and faults

  /// Returns the position of the next byte.
  private mutating func mark() -> SourceMark {
    while placed < position {
      if input[placed] == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if input[placed] & 0xC0 != 0x80 {
        column += 1
      }
      placed += 1
    }
    return SourceMark(line: line, column: column)
  }

  private mutating func failure(_ message: String) -> YAMLError {
    YAMLError(location: SourceLocation(source: source, mark: mark()), message: message)
  }

  /// Returns the error for something else here than expected, or for the end of the file.
  private mutating func missing(_ what: String) -> YAMLError {
    if isComment { return failure(Self.commentFault) }
    return failure(position < input.count ? "expected \(what)" : "unexpected end of file: expected \(what)")
  }

  /// Whether there is a comment here, as JSON's dialects have them.
  private var isComment: Bool {
    guard position + 1 < input.count, input[position] == UInt8(ascii: "/") else { return false }
    return input[position + 1] == UInt8(ascii: "/") || input[position + 1] == UInt8(ascii: "*")
  }

  static let commentFault = "JSON does not allow comments; remove this one"

  // MARK: Values

  private mutating func value(depth: Int) throws(YAMLError) -> YAMLNode {
    skipSpace()
    guard let first = peek() else { throw missing("a value") }
    let mark = mark()
    try count(depth: depth)
    switch first {
    case UInt8(ascii: "{"): return YAMLNode(mark: mark, value: .mapping(try object(depth: depth)))
    case UInt8(ascii: "["): return YAMLNode(mark: mark, value: .sequence(try array(depth: depth)))
    case UInt8(ascii: "\""):
      return YAMLNode(mark: mark, value: .scalar(YAMLScalar(text: try string(), style: .doubleQuoted)))
    default: return YAMLNode(mark: mark, value: .scalar(YAMLScalar(text: try word(), style: .plain)))
    }
  }

  private mutating func count(depth: Int) throws(YAMLError) {
    nodes += 1
    if nodes > limits.nodesPerDocument {
      throw failure("the document has more than \(limits.nodesPerDocument) nodes")
    }
    if depth > limits.depth { throw failure("nested more than \(limits.depth) levels deep") }
  }

  private mutating func array(depth: Int) throws(YAMLError) -> [YAMLNode] {
    position += 1
    var items: [YAMLNode] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return items }
    while true {
      items.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return items }
      guard take(UInt8(ascii: ",")) else { throw missing("\",\" or \"]\"") }
    }
  }

  private mutating func object(depth: Int) throws(YAMLError) -> YAMLMapping {
    position += 1
    var entries = UniqueEntries()
    skipSpace()
    if take(UInt8(ascii: "}")) { return YAMLMapping(entries: []) }
    while true {
      skipSpace()
      guard peek() == UInt8(ascii: "\"") else { throw missing("a quoted key") }
      let mark = mark()
      try count(depth: depth + 1)
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw missing("\":\" after the key") }
      let value = try value(depth: depth + 1)
      if let first = entries.append(YAMLKey(text: key, mark: mark, isPlain: false), value) {
        throw YAMLError(
          location: SourceLocation(source: source, mark: mark),
          message: "duplicate key \"\(key)\"; it is already set at line \(first.line), column \(first.column)")
      }
      skipSpace()
      if take(UInt8(ascii: "}")) { return YAMLMapping(entries: entries.list) }
      guard take(UInt8(ascii: ",")) else { throw missing("\",\" or \"}\"") }
    }
  }

  // MARK: Words and numbers

  /// Reads `true`, `false`, `null` or a number, as written.
  private mutating func word() throws(YAMLError) -> String {
    let start = position
    for literal in ["true", "false", "null"] where isNext(literal) {
      position += literal.utf8.count
      return literal
    }
    try number()
    return String(decoding: input[start..<position], as: UTF8.self)
  }

  private func isNext(_ literal: String) -> Bool {
    guard input.count - position >= literal.utf8.count else { return false }
    guard zip(literal.utf8, input[position...]).allSatisfy({ $0 == $1 }) else { return false }
    let end = position + literal.utf8.count
    return end == input.count || !(input[end].isDigit || (0x61...0x7A).contains(input[end] | 0x20))
  }

  private mutating func number() throws(YAMLError) {
    _ = take(UInt8(ascii: "-"))
    let first = position
    guard skipDigits() else { throw missing("a value") }
    if input[first] == UInt8(ascii: "0"), position - first > 1 {
      position = first
      throw failure("a number must not have a leading zero")
    }
    if take(UInt8(ascii: ".")), !skipDigits() { throw missing("digits after \".\"") }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard skipDigits() else { throw missing("digits in the exponent") }
    }
  }

  /// Skips digits; returns false if there are none.
  private mutating func skipDigits() -> Bool {
    let start = position
    while let byte = peek(), byte.isDigit { position += 1 }
    return position > start
  }

  // MARK: Texts

  private mutating func string() throws(YAMLError) -> String {
    position += 1
    var text: [UInt8] = []
    while true {
      let start = position
      while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
      text += input[start..<position]
      switch peek() {
      case UInt8(ascii: "\"")?:
        guard let valid = String(validating: text, as: UTF8.self) else {
          throw failure("the string that ends here is not UTF-8; save the file as UTF-8")
        }
        position += 1
        return valid
      case UInt8(ascii: "\\")?: try escape(into: &text)
      case let byte?:
        throw failure("control characters are not allowed in a string; write this one as \\u00\(Self.hex(byte))")
      case nil: throw missing("the end of a quoted string")
      }
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.count < 2 ? "0" + digits : digits
  }

  private mutating func escape(into text: inout [UInt8]) throws(YAMLError) {
    guard position + 1 < input.count else {
      position = input.count
      throw missing("the end of a quoted string")
    }
    let letter = input[position + 1]
    if letter == UInt8(ascii: "u") {
      text += Array(String(Character(try unicodeEscape())).utf8)
      return
    }
    guard let byte = Self.escapes[letter] else { throw failure("invalid escape sequence") }
    position += 2
    text.append(byte)
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    UInt8(ascii: "/"): UInt8(ascii: "/"), UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A,
    UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
  ]

  /// Reads one `\u` escape, or the two of a surrogate pair.
  private mutating func unicodeEscape() throws(YAMLError) -> Unicode.Scalar {
    let first = try codeUnit(at: position)
    if let scalar = Unicode.Scalar(first) {
      position += 6
      return scalar
    }
    let isPair =
      (0xD800...0xDBFF).contains(first) && position + 7 < input.count && input[position + 6] == UInt8(ascii: "\\")
      && input[position + 7] == UInt8(ascii: "u")
    if isPair {
      let second = try codeUnit(at: position + 6)
      if (0xDC00...0xDFFF).contains(second),
        let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
      {
        position += 12
        return scalar
      }
    }
    throw failure("an unpaired surrogate; a character beyond U+FFFF takes two \\u escapes")
  }

  /// - Parameter offset: the offset of the backslash.
  private mutating func codeUnit(at offset: Int) throws(YAMLError) -> UInt32 {
    let digits = input[min(offset + 2, input.count)..<min(offset + 6, input.count)]
    guard digits.count == 4, digits.allSatisfy(\.isHexDigit),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else {
      if digits.count < 4, digits.allSatisfy(\.isHexDigit) { position = input.count }
      throw missing("four hex digits after \\u")
    }
    return value
  }

  // MARK: Bytes

  private func peek() -> UInt8? { position < input.count ? input[position] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek(), Self.isSpace(byte) { position += 1 }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }
}
