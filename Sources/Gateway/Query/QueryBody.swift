import CanonicalJSON
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
    let members = try Self.members(of: bytes)
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

  /// The top-level members of a body.
  static func members(of bytes: ByteBuffer) throws(Malformed) -> [(key: String, Member)] {
    try bytes.withUnsafeReadableBytes { raw -> Result<[(key: String, Member)], Malformed> in
      var scanner = TopLevelScanner(input: raw)
      do throws(Malformed) { return .success(try scanner.members()) } catch { return .failure(error) }
    }.get()
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
