import CanonicalJSON
import Glibc
import NIOCore

/// The end of a response, which contains its token counts, why it ended, or a late error.
struct ResponseTail: Sendable {
  private var last: (ByteBuffer?, ByteBuffer?, ByteBuffer?) = (nil, nil, nil)

  init() {}

  /// Appends a piece. Only the last pieces are kept: the counts are in the second-to-last event.
  mutating func append(_ piece: ByteBuffer) { last = (last.1, last.2, piece) }

  /// `prompt_tokens` and `completion_tokens` of the last `usage` object.
  var usage: (prompt: Int64?, completion: Int64?)? {
    let bytes = joined
    guard let start = bytes.lastEnd(of: Self.usageKey) else { return nil }
    return bytes.withUnsafeBytes { raw in
      var scanner = TopLevelScanner(input: raw, position: start)
      guard let members = try? scanner.object() else { return nil }
      func count(_ name: String) -> Int64? {
        guard let value = members.last(where: { $0.key == name })?.1.value else { return nil }
        return Int64(String(decoding: raw[value], as: UTF8.self))
      }
      return (count("prompt_tokens"), count("completion_tokens"))
    }
  }

  private static let usageKey = Array("\"usage\":".utf8)

  /// The last `finish_reason`, if it is a text.
  var finishReason: String? {
    let bytes = joined
    guard let start = bytes.lastEnd(of: Self.finishReasonKey) else { return nil }
    let value = bytes[start...].drop { $0 == 0x20 }
    guard value.first == UInt8(ascii: "\"") else { return nil }
    let text = value.dropFirst().prefix { $0 != UInt8(ascii: "\"") }
    guard text.endIndex < bytes.endIndex, text.count <= Self.longestReason else { return nil }
    return String(decoding: text, as: UTF8.self)
  }

  private static let finishReasonKey = Array("\"finish_reason\":".utf8)

  private static let longestReason = 64

  /// The message of an `error` event: vLLM reports a mid-stream failure under status 200.
  var lateError: String? {
    let bytes = joined
    guard let end = bytes.lastEnd(of: Array("data: {\"error\":".utf8)), let object = bytes.object(from: end) else {
      return nil
    }
    return (try? JSONValue(parsing: object))?["message"]?.stringValue ?? "the replica reported an error mid-stream"
  }

  private var joined: [UInt8] {
    [last.0, last.1, last.2].reduce(into: []) { bytes, piece in
      piece?.withUnsafeReadableBytes { bytes.append(contentsOf: $0.suffix(16 << 10)) }
    }
  }
}

extension [UInt8] {
  /// The offset after the last occurrence of `mark`.
  fileprivate func lastEnd(of mark: [UInt8]) -> Int? {
    withUnsafeBytes { bytes in
      mark.withUnsafeBytes { mark -> Int? in
        guard let base = bytes.baseAddress, let sought = mark.baseAddress, let first = mark.first else { return nil }
        var start = bytes.count - mark.count
        while start >= 0 {
          if bytes[start] == first, memcmp(base + start, sought, mark.count) == 0 { return start + mark.count }
          start -= 1
        }
        return nil
      }
    }
  }

  /// The flat or nested object that begins at `start`, after any whitespace.
  fileprivate func object(from start: Int) -> [UInt8]? {
    guard let open = self[start...].firstIndex(where: { $0 != 0x20 }), self[open] == UInt8(ascii: "{") else {
      return nil
    }
    var depth = 0
    var inString = false
    var index = open
    while index < count {
      switch self[index] {
      case UInt8(ascii: "\\") where inString: index += 1
      case UInt8(ascii: "\""): inString.toggle()
      case UInt8(ascii: "{") where !inString: depth += 1
      case UInt8(ascii: "}") where !inString:
        depth -= 1
        if depth == 0 { return Array(self[open...index]) }
      default: break
      }
      index += 1
    }
    return nil
  }
}
