import CanonicalJSON
import Glibc

/// Reads the keys of one object and the extents of its values.
struct TopLevelScanner {
  let input: UnsafeRawBufferPointer
  var position = 0

  /// The members of the object that is all of the input.
  mutating func members() throws(QueryBody.Malformed) -> [(key: String, QueryBody.Member)] {
    let members = try object()
    skipSpace()
    guard position == input.count else { throw failure("unexpected text after the object") }
    return members
  }

  /// The members of the object at the current position.
  mutating func object() throws(QueryBody.Malformed) -> [(key: String, QueryBody.Member)] {
    var members: [(key: String, QueryBody.Member)] = []
    skipSpace()
    guard take(UInt8(ascii: "{")) else { throw failure("it must be a JSON object") }
    skipSpace()
    if !take(UInt8(ascii: "}")) {
      repeat {
        skipSpace()
        let start = position
        let key = try key()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw failure("expected \":\" after a key") }
        skipSpace()
        let valueStart = position
        try skipValue()
        members.append((key, QueryBody.Member(whole: start..<position, value: valueStart..<position)))
        skipSpace()
      } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "}")) else { throw failure("expected \",\" or \"}\"") }
    }
    return members
  }

  /// The extent of the first element of the array at the current position.
  mutating func firstElement() -> Range<Int>? {
    guard take(UInt8(ascii: "[")) else { return nil }
    skipSpace()
    let start = position
    do throws(QueryBody.Malformed) { try skipValue() } catch { return nil }
    return start..<position
  }

  private func failure(_ message: String) -> QueryBody.Malformed {
    QueryBody.Malformed(message: message, offset: position)
  }

  private mutating func skipSpace() {
    while position < input.count, input[position].isJSONSpace { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < input.count, input[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func key() throws(QueryBody.Malformed) -> String {
    let start = position
    guard position < input.count, input[position] == UInt8(ascii: "\"") else {
      throw failure("expected a quoted key")
    }
    let hasEscapes = try skipString()
    if hasEscapes {
      // A key may contain escapes; its meaning is the same.
      guard let value = try? JSONValue(parsing: Array(input[start..<position])), let text = value.stringValue else {
        throw QueryBody.Malformed(message: "a key is not a valid JSON string", offset: start)
      }
      return text
    }
    return String(decoding: input[(start + 1)..<(position - 1)], as: UTF8.self)
  }

  /// Skips a string, and returns whether it contains escapes. Uses memchr(3), since strings are most of a body.
  private mutating func skipString() throws(QueryBody.Malformed) -> Bool {
    var hasEscapes = false
    position += 1
    var quote = offset(of: UInt8(ascii: "\""), from: position, to: input.count)
    while let end = quote {
      guard let escape = offset(of: UInt8(ascii: "\\"), from: position, to: end) else {
        position = end + 1
        return hasEscapes
      }
      hasEscapes = true
      position = escape + 2
      if position > end { quote = offset(of: UInt8(ascii: "\""), from: position, to: input.count) }
    }
    position = input.count
    throw failure("the body ends inside a string")
  }

  private func offset(of byte: UInt8, from start: Int, to end: Int) -> Int? {
    guard start < end, let base = input.baseAddress, let found = memchr(base + start, CInt(byte), end - start) else {
      return nil
    }
    return UnsafeRawPointer(found) - base
  }

  private mutating func skipValue() throws(QueryBody.Malformed) {
    guard position < input.count else { throw failure("the body ends where a value is expected") }
    switch input[position] {
    case UInt8(ascii: "\""): _ = try skipString()
    case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
    default:
      let start = position
      while position < input.count, !Self.endsScalar(input[position]) { position += 1 }
      guard position > start else { throw failure("expected a value") }
    }
  }

  private mutating func skipNested() throws(QueryBody.Malformed) {
    var depth = 0
    while position < input.count {
      switch input[position] {
      case UInt8(ascii: "\""):
        _ = try skipString()
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      position += 1
      if depth == 0 { return }
    }
    throw failure("the body ends inside an object or array")
  }

  private static func endsScalar(_ byte: UInt8) -> Bool {
    byte.isJSONSpace || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
  }
}
