import CanonicalJSON
import Glibc
package import NIOCore

/// The parts of a request body that the gateway needs, and their positions: found in one pass over the top level,
/// without decoding deeper levels. The replica validates the rest.
package struct QueryBody: Sendable {
  /// A top-level member, as offsets into the body.
  struct Member: Hashable, Sendable {
    /// From the key's first quote to the value's end.
    var whole: Range<Int>
    var value: Range<Int>
  }

  /// Why the gateway refuses a body; `offset` counts bytes from 0.
  package struct Malformed: Error, Hashable {
    package let message: String
    package let offset: Int
  }

  let bytes: ByteBuffer
  /// The value of `model`, if it is a string.
  package private(set) var model: String?
  /// Whether `stream` is true.
  package private(set) var isStream = false
  /// The kind of request, by the members that only this kind has.
  private(set) var task: Task?
  private var modelMember: Member?
  /// The value of `messages`, `prompt` or `input`.
  private var content: Range<Int>?
  private var memberCount = 0

  enum Task: Hashable, Sendable {
    case chat, completion, embedding
  }

  package init(scanning bytes: ByteBuffer) throws(Malformed) {
    self.bytes = bytes
    let members = try bytes.withUnsafeReadableBytes { raw -> Result<[(key: String, Member)], Malformed> in
      var scanner = TopLevelScanner(input: raw)
      do throws(Malformed) { return .success(try scanner.members()) } catch { return .failure(error) }
    }.get()
    memberCount = members.count
    var seen: Set<String> = []
    for (key, member) in members {
      guard ["model", "stream", "messages", "prompt", "input"].contains(key) else { continue }
      guard seen.insert(key).inserted else {
        throw Malformed(message: "\"\(key)\" appears twice", offset: member.whole.lowerBound)
      }
      switch key {
      case "model":
        modelMember = member
        model = text(of: member.value)
      case "stream": isStream = raw(member.value) == "true"
      case "messages":
        task = .chat
        content = member.value
      case "prompt":
        task = task ?? .completion
        if task == .completion { content = member.value }
      default:
        task = task ?? .embedding
        content = content ?? member.value
      }
    }
  }

  /// The body with `model` replaced by the replica's own name for it, or removed: slices of the client's bytes.
  package func slices(modelName: String?) -> [ByteBuffer] {
    guard let member = modelMember else { return [bytes] }
    if let modelName {
      let name = ByteBuffer(bytes: JSONValue.string(modelName).bytes())
      return [slice(0..<member.value.lowerBound), name, slice(member.value.upperBound..<bytes.readableBytes)]
    }
    let gap = withComma(member.whole)
    return [slice(0..<gap.lowerBound), slice(gap.upperBound..<bytes.readableBytes)]
  }

  /// The body with `model` set to this name, whether or not the client sent one.
  package func slices(asking model: String) -> [ByteBuffer] {
    guard modelMember == nil, let open = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "{")) else {
      return slices(modelName: model)
    }
    let inside = open - bytes.readerIndex + 1
    let member = "\"model\":\(JSONValue.string(model).text())" + (memberCount > 0 ? "," : "")
    return [slice(0..<inside), ByteBuffer(string: member), slice(inside..<bytes.readableBytes)]
  }

  /// The first bytes of the first message, or of the prompt or input, as the client wrote them; nil without any.
  func beginning(_ count: Int) -> ByteBuffer? {
    guard let content else { return nil }
    let first = task == .chat ? firstElement(of: content) : content
    return slice(first.lowerBound..<min(first.upperBound, first.lowerBound + count))
  }

  /// The extent of an array's first element; of the whole value if it is not an array or empty.
  private func firstElement(of value: Range<Int>) -> Range<Int> {
    bytes.withUnsafeReadableBytes { raw in
      var scanner = TopLevelScanner(input: raw, position: value.lowerBound)
      return scanner.firstElement() ?? value
    }
  }

  /// The member and one adjacent comma, so that the rest is still an object.
  private func withComma(_ member: Range<Int>) -> Range<Int> {
    guard memberCount > 1 else { return member }
    return bytes.withUnsafeReadableBytes { raw in
      if let comma = raw[member.upperBound...].first(where: { !$0.isJSONSpace }), comma == UInt8(ascii: ","),
        let end = raw[member.upperBound...].firstIndex(of: UInt8(ascii: ","))
      {
        return member.lowerBound..<end + 1
      }
      let start = raw[..<member.lowerBound].lastIndex(of: UInt8(ascii: ",")) ?? member.lowerBound
      return start..<member.upperBound
    }
  }

  private func slice(_ range: Range<Int>) -> ByteBuffer { bytes.slice(range) }

  private func raw(_ range: Range<Int>) -> String { String(buffer: slice(range)) }

  private func text(of range: Range<Int>) -> String? {
    (try? JSONValue(parsing: Array(slice(range).readableBytesView)))?.stringValue
  }
}

/// Reads the keys of one object and the extents of its values.
private struct TopLevelScanner {
  let input: UnsafeRawBufferPointer
  var position = 0

  mutating func members() throws(QueryBody.Malformed) -> [(key: String, QueryBody.Member)] {
    var members: [(key: String, QueryBody.Member)] = []
    skipSpace()
    guard take(UInt8(ascii: "{")) else { throw failure("the request body must be a JSON object") }
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
    skipSpace()
    guard position == input.count else { throw failure("unexpected text after the object") }
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
