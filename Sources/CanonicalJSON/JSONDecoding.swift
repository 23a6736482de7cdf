/// Why a text is not a JSON document, and where: `offset` counts bytes from 0.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  package let offset: Int
  /// Whether the text ends before the document does, because it was truncated or only half written.
  package var endsTooEarly = false

  package var description: String {
    endsTooEarly ? "JSON \(message)" : "not valid JSON at byte \(offset): \(message)"
  }
}

extension JSONValue {
  /// The maximum nesting depth of arrays and objects; deeper is an error, so that a hostile document cannot exhaust the
  /// stack.
  package static let maximumDepth = 256

  /// Parses one document (strictly by RFC 8259); anything except whitespace after it is an error.
  package init(parsing bytes: [UInt8]) throws(JSONError) {
    self = try bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, JSONError> in
      var reader = JSONReader(input: buffer)
      do throws(JSONError) {
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == buffer.count else { throw reader.failure("unexpected text after the document") }
        return .success(value)
      } catch {
        return .failure(error)
      }
    }.get()
  }

  /// Parses one document from a string.
  package init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }
}

private struct JSONReader {
  let input: UnsafeBufferPointer<UInt8>
  var position = 0

  func failure(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

  /// Returns the error for something else here than expected, or for the end of the text.
  func missing(_ what: String) -> JSONError {
    guard position >= input.count else { return failure("expected \(what)") }
    return JSONError(
      message: "truncated after \(input.count) bytes: expected \(what)", offset: position, endsTooEarly: true)
  }

  mutating func skipSpace() {
    while position < input.count, [0x20, 0x0A, 0x0D, 0x09].contains(input[position]) { position += 1 }
  }

  private func peek() -> UInt8? { position < input.count ? input[position] : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < JSONValue.maximumDepth else {
      throw failure("nested more than \(JSONValue.maximumDepth) levels deep")
    }
    skipSpace()
    guard let first = peek() else { throw depth == 0 ? failure("the text is empty") : missing("a value") }
    switch first {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for index in 0..<text.utf8CodeUnitCount where !take(text.utf8Start[index]) {
      throw missing("\"\(text)\"")
    }
    return value
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var items: [JSONValue] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array(items) }
    while true {
      items.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(items) }
      guard take(UInt8(ascii: ",")) else { throw missing("\",\" or \"]\"") }
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    position += 1
    var members: [String: JSONValue] = [:]
    var alike: [JSONMember] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      guard peek() == UInt8(ascii: "\"") else { throw missing("a quoted key") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw missing("\":\" after the key") }
      // For a duplicate key the last value wins, as in most readers; a server's response is not refused because of it.
      let value = try value(depth: depth + 1)
      if let former = members.updateValue(value, forKey: key) {
        Self.separate(JSONMember(key: key, value: value), former, in: &members, &alike)
      }
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members, alike: alike.sorted { utf8Precedes($0.key, $1.key) }) }
      guard take(UInt8(ascii: ",")) else { throw missing("\",\" or \"}\"") }
    }
  }

  /// Keeps a member and the one that it has replaced, if their keys are not the same bytes.
  ///
  /// - Parameters:
  ///   - former: the value that it has replaced; the dictionary still has that value's key.
  ///   - alike: the members that the dictionary cannot hold beside it.
  private static func separate(
    _ member: JSONMember, _ former: JSONValue, in members: inout [String: JSONValue], _ alike: inout [JSONMember]
  ) {
    guard let index = members.index(forKey: member.key), !hasSameBytes(members[index].key, member.key) else { return }
    let other = JSONMember(key: members[index].key, value: former)
    alike.removeAll { hasSameBytes($0.key, member.key) }
    members.remove(at: index)
    let isFirst = utf8Precedes(member.key, other.key)
    let (first, second) = isFirst ? (member, other) : (other, member)
    members[first.key] = first.value
    alike.append(second)
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    _ = take(UInt8(ascii: "-"))
    let firstDigit = position
    guard digits() else { throw missing("a value") }
    if input[firstDigit] == UInt8(ascii: "0"), position - firstDigit > 1 {
      throw failure(
        "a number must not have a leading zero")
    }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      isInteger = false
      guard digits() else { throw missing("digits after \".\"") }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() else { throw missing("digits in the exponent") }
    }
    let text = String(decoding: input[start..<position], as: UTF8.self)
    if isInteger, let number = Int64(text) { return .int(number) }
    guard let number = Double(text), number.isFinite else { throw failure("the number is out of range: \(text)") }
    // 1.0 and 1e0 mean 1: one value, one canonical form.
    return Int64(exactly: number).map { .int($0) } ?? .double(number)
  }

  /// Skips decimal digits; returns false if there are none.
  private mutating func digits() -> Bool {
    let start = position
    while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
    return position > start
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    if peek() == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try decode(input[start..<position])
    }
    var text = Array(input[start..<position])
    while let byte = peek() {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try text.withUnsafeBufferPointerChecked(decode)
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &text)
      case 0..<0x20: throw failure("control characters are not allowed in a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw missing("the end of a quoted string")
  }

  private func decode(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) throws(JSONError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("the string is not valid UTF-8") }
    return text
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    guard let byte = peek() else { throw missing("the end of a quoted string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text.append(contentsOf: String(try unicodeScalar()).utf8)
    default: throw failure("invalid escape sequence in a string")
    }
  }

  /// Reads a `\u` escape, or two that form a surrogate pair; a lone surrogate becomes U+FFFD, because it has no UTF-8
  /// form.
  private mutating func unicodeScalar() throws(JSONError) -> Character {
    let first = try hex4()
    if (0xD800...0xDBFF).contains(first), peek() == UInt8(ascii: "\\"), position + 1 < input.count,
      input[position + 1] == UInt8(ascii: "u")
    {
      let mark = position
      position += 2
      let second = try hex4()
      if (0xDC00...0xDFFF).contains(second),
        let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
      {
        return Character(scalar)
      }
      position = mark
    }
    return Character(Unicode.Scalar(first) ?? "\u{FFFD}")
  }

  private mutating func hex4() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw missing("four hex digits after \\u")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}

extension [UInt8] {
  fileprivate func withUnsafeBufferPointerChecked(
    _ decode: (Slice<UnsafeBufferPointer<UInt8>>) throws(JSONError) -> String
  ) throws(JSONError) -> String {
    try withUnsafeBufferPointer { buffer -> Result<String, JSONError> in
      do throws(JSONError) { return .success(try decode(buffer[...])) } catch { return .failure(error) }
    }.get()
  }
}
