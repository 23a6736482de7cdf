import CanonicalJSON
import Glibc
import NIOCore

/// Puts the endpoint's name where a response names its model: the replica's own name is a path or an internal name.
///
/// It processes a response piece by piece, in one pass, without buffering: pieces keep their boundaries, wherever those
/// fall in an event. Only the member `model` of the outermost object is replaced, in each event of a stream, and only
/// if it is a string.
struct ModelNameRewriter: Sendable {
  enum Framing: Sendable {
    /// One JSON object.
    case object
    /// Server-sent events, each with an object after `data:`.
    case events
  }

  private enum Place {
    /// At the start of a line, after this many bytes of `data:`.
    case prefix(Int)
    case beforeObject
    case beforeKey
    /// In a key, after this many bytes of `model`; nil for any other key.
    case key(Int?)
    case afterKey(isModel: Bool)
    case beforeValue(isModel: Bool)
    case text
    case scalar
    case nested(Int)
    case nestedText(Int)
    /// In the string that is replaced.
    case replaced
    /// After everything relevant, up to the end of the event.
    case rest
  }

  private let framing: Framing
  private let replacement: [UInt8]
  private var place: Place
  /// After a backslash in a string.
  private var isEscaped = false

  private static let prefix = Array("data:".utf8)
  private static let member = Array("model".utf8)

  init(_ name: String, _ framing: Framing) {
    self.framing = framing
    replacement = JSONValue.string(name).bytes()
    place = framing == .events ? .prefix(0) : .beforeObject
  }

  /// The piece with the name replaced; empty if all of it was part of a name.
  mutating func rewritten(_ piece: ByteBuffer) -> ByteBuffer {
    // After the member there is nothing left to replace.
    if framing == .object, case .rest = place { return piece }
    var kept: [Range<Int>] = []
    var start: Int? = isReplacing ? nil : 0
    piece.withUnsafeReadableBytes { bytes in
      var index = 0
      while index < bytes.count {
        switch place {
        case .rest:
          guard framing == .events, let end = bytes.lineEnd(from: index) else { return }
          index = end
        case .text where !isEscaped, .nestedText where !isEscaped:
          index = bytes.textEnd(from: index)
          if index == bytes.count { return }
        default: break
        }
        defer { index += 1 }
        let wasReplacing = isReplacing
        advance(bytes[index])
        if isReplacing, !wasReplacing, let from = start {
          kept.append(from..<index)
          start = nil
        } else if wasReplacing, !isReplacing {
          start = index + 1
        }
      }
    }
    if kept.isEmpty, start == 0 { return piece }
    var result = ByteBuffer()
    result.reserveCapacity(piece.readableBytes + kept.count * replacement.count)
    piece.withUnsafeReadableBytes { bytes in
      for range in kept {
        result.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
        // Each of these ends where a name begins.
        result.writeBytes(replacement)
      }
      if let start { result.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
    }
    return result
  }

  private var isReplacing: Bool { if case .replaced = place { true } else { false } }

  private mutating func advance(_ byte: UInt8) {
    if framing == .events, byte == UInt8(ascii: "\n") {
      isEscaped = false
      return place = .prefix(0)
    }
    switch place {
    case .prefix(let count):
      guard byte == Self.prefix[count] else { return place = .rest }
      place = count + 1 == Self.prefix.count ? .beforeObject : .prefix(count + 1)
    case .beforeObject:
      if !byte.isJSONSpace { place = byte == UInt8(ascii: "{") ? .beforeKey : .rest }
    case .beforeKey:
      if byte == UInt8(ascii: "\"") { place = .key(0) } else if byte == UInt8(ascii: "}") { place = .rest }
    case .key(let count): place = key(byte, count)
    case .afterKey(let isModel):
      if byte == UInt8(ascii: ":") { place = .beforeValue(isModel: isModel) }
    case .beforeValue(let isModel):
      if !byte.isJSONSpace { place = value(byte, isModel) }
    case .text:
      if endsText(byte) { place = .beforeKey }
    case .scalar:
      if byte == UInt8(ascii: ",") { place = .beforeKey } else if byte == UInt8(ascii: "}") { place = .rest }
    case .nested(let depth): place = nested(byte, depth)
    case .nestedText(let depth):
      if endsText(byte) { place = .nested(depth) }
    case .replaced:
      if endsText(byte) { place = .rest }
    case .rest: break
    }
  }

  private mutating func key(_ byte: UInt8, _ count: Int?) -> Place {
    if endsText(byte) { return .afterKey(isModel: count == Self.member.count) }
    guard let count, count < Self.member.count, byte == Self.member[count] else { return .key(nil) }
    return .key(count + 1)
  }

  private func value(_ byte: UInt8, _ isModel: Bool) -> Place {
    switch byte {
    case UInt8(ascii: "\""): isModel ? .replaced : .text
    case UInt8(ascii: "{"), UInt8(ascii: "["): .nested(1)
    default: .scalar
    }
  }

  private func nested(_ byte: UInt8, _ depth: Int) -> Place {
    switch byte {
    case UInt8(ascii: "\""): .nestedText(depth)
    case UInt8(ascii: "{"), UInt8(ascii: "["): .nested(depth + 1)
    case UInt8(ascii: "}"), UInt8(ascii: "]"): depth == 1 ? .beforeKey : .nested(depth - 1)
    default: .nested(depth)
    }
  }

  private mutating func endsText(_ byte: UInt8) -> Bool {
    if isEscaped {
      isEscaped = false
      return false
    }
    isEscaped = byte == UInt8(ascii: "\\")
    return byte == UInt8(ascii: "\"")
  }
}

extension UInt8 {
  /// White space between JSON tokens.
  var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}

extension UnsafeRawBufferPointer {
  /// The offset of the first line feed at or after an offset. Uses memchr(3), since this skips most of a stream.
  fileprivate func lineEnd(from offset: Int) -> Int? {
    guard let baseAddress, let found = memchr(baseAddress + offset, 0x0A, count - offset) else { return nil }
    return UnsafeRawPointer(found) - baseAddress
  }

  /// The offset of the first byte at or after an offset that does not simply continue a string; the end if there is
  /// none.
  fileprivate func textEnd(from offset: Int) -> Int {
    var index = offset
    while index < count, self[index] >= 0x20, self[index] != UInt8(ascii: "\""), self[index] != UInt8(ascii: "\\") {
      index += 1
    }
    return index
  }
}

extension ByteBuffer {
  /// The bytes at these offsets from the reader index.
  func slice(_ range: Range<Int>) -> ByteBuffer {
    getSlice(at: readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
  }
}
