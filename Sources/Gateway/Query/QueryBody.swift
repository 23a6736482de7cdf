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
  /// Whether a stream is requested that would not end with its token counts.
  package private(set) var lacksUsage = false
  private var modelMember: Member?
  /// The value of `stream_options`.
  private var streamOptions: Range<Int>?
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
      guard Self.keys.contains(key) else { continue }
      guard seen.insert(key).inserted else {
        throw Malformed(message: "\"\(key)\" appears twice", offset: member.whole.lowerBound)
      }
      switch key {
      case "model":
        modelMember = member
        model = text(of: member.value)
      case "stream": isStream = raw(member.value) == "true"
      case "stream_options": streamOptions = member.value
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
    lacksUsage = isStream && isWithoutUsage(streamOptions)
  }

  private static let keys: Set = ["model", "stream", "stream_options", "messages", "prompt", "input"]

  /// Whether these options leave out the counts. If they are not what they should be, the engine has to say so.
  private func isWithoutUsage(_ options: Range<Int>?) -> Bool {
    guard let options else { return true }
    guard options.count <= 1 << 10, let value = try? JSONValue(parsing: Array(slice(options).readableBytesView)) else {
      return false
    }
    if value.isNull { return true }
    // vLLM's options include the counts unless they say that they do not.
    guard let asked = value.objectValue?["include_usage"] else { return false }
    return asked.isNull || asked == false
  }

  /// The top-level members of a body.
  static func members(of bytes: ByteBuffer) throws(Malformed) -> [(key: String, Member)] {
    try bytes.withUnsafeReadableBytes { raw -> Result<[(key: String, Member)], Malformed> in
      var scanner = TopLevelScanner(input: raw)
      do throws(Malformed) { return .success(try scanner.members()) } catch { return .failure(error) }
    }.get()
  }

  /// The body with `model` replaced by the replica's own name for it, or removed: slices of the client's bytes.
  ///
  /// - Parameter countsTokens: whether a stream that ``lacksUsage`` ends with its token counts.
  package func slices(modelName: String?, countsTokens: Bool = false) -> [ByteBuffer] {
    var edits = countsTokens ? usageEdits : []
    if let member = modelMember {
      if let modelName {
        edits.append((member.value, ByteBuffer(bytes: JSONValue.string(modelName).bytes())))
      } else {
        edits.append((withComma(member.whole), ByteBuffer()))
      }
    }
    return slices(edits)
  }

  /// The body with `model` set to this name, whether or not the client sent one.
  package func slices(asking model: String, countsTokens: Bool = false) -> [ByteBuffer] {
    guard modelMember == nil, let inside else { return slices(modelName: model, countsTokens: countsTokens) }
    let member = "\"model\":\(JSONValue.string(model).text())" + (memberCount > 0 ? "," : "")
    var edits = countsTokens ? usageEdits : []
    edits.append((inside..<inside, ByteBuffer(string: member)))
    return slices(edits)
  }

  /// What makes a stream end with its token counts.
  private var usageEdits: [(range: Range<Int>, text: ByteBuffer)] {
    guard lacksUsage, let inside else { return [] }
    if let streamOptions { return [(streamOptions, ByteBuffer(string: Self.withUsage))] }
    // There is a member that it can be placed before: `stream`.
    return [(inside..<inside, ByteBuffer(string: "\"stream_options\":\(Self.withUsage),"))]
  }

  private static let withUsage = #"{"include_usage":true}"#

  /// The offset after the opening brace.
  private var inside: Int? {
    bytes.readableBytesView.firstIndex(of: UInt8(ascii: "{")).map { $0 - bytes.readerIndex + 1 }
  }

  /// The body with these ranges replaced, which do not overlap.
  private func slices(_ edits: [(range: Range<Int>, text: ByteBuffer)]) -> [ByteBuffer] {
    var slices: [ByteBuffer] = []
    var end = 0
    for edit in edits.sorted(by: {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }) {
      slices.append(slice(end..<edit.range.lowerBound))
      if edit.text.readableBytes > 0 { slices.append(edit.text) }
      end = edit.range.upperBound
    }
    return slices + [slice(end..<bytes.readableBytes)]
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
