import NIOCore

/// Reads the chunks of a chunked body (RFC 9112, section 7.1) that are in their plainest form: a size, a line break, the
/// data, a line break. Whatever else may be there, such as extensions, the last chunk and trailers, is for the HTTP
/// decoder. Pure.
struct PlainChunks: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    /// The data of a chunk, or a piece of it.
    case data(ByteBuffer)
    /// What follows is not a plain chunk. It has not been read.
    case other
    /// The data of a chunk is longer than its size.
    case malformed
  }

  /// The bytes of the current chunk that have not been read, with the line break at its end; 0 between chunks.
  private var left = 0
  /// The beginning of a size whose end has not arrived.
  private var held = ByteBuffer()

  init() {}

  /// Whether everything so far was whole chunks.
  var isBetweenChunks: Bool { left == 0 && held.readableBytes == 0 }

  /// Reads the next part; nil if more bytes have to arrive first.
  mutating func next(_ bytes: inout ByteBuffer) -> Part? {
    while true {
      if left == 0, let end = readSize(&bytes) { return end }
      if left == 0 { return nil }
      if left > Self.lineBreak.count {
        let length = min(left - Self.lineBreak.count, bytes.readableBytes)
        guard length > 0, let data = bytes.readSlice(length: length) else { return nil }
        left -= length
        return .data(data)
      }
      guard let byte = bytes.readInteger(as: UInt8.self) else { return nil }
      guard byte == Self.lineBreak[Self.lineBreak.count - left] else { return .malformed }
      left -= 1
    }
  }

  /// Reads a size and its line break into ``left``, which stays 0 if more bytes have to arrive.
  private mutating func readSize(_ bytes: inout ByteBuffer) -> Part? {
    if held.readableBytes > 0 {
      held.writeBuffer(&bytes)
      bytes = held
      held = ByteBuffer()
    }
    var size = 0
    var digits = 0
    for byte in bytes.readableBytesView.prefix(Self.maxDigits + Self.lineBreak.count) {
      if let digit = byte.hexDigit, digits < Self.maxDigits {
        size = size << 4 | digit
        digits += 1
      } else if digits > 0, size > 0, byte == Self.lineBreak[0] {
        let length = digits + Self.lineBreak.count
        guard let last = bytes.getInteger(at: bytes.readerIndex + length - 1, as: UInt8.self) else { break }
        guard last == Self.lineBreak[1] else { return .other }
        bytes.moveReaderIndex(forwardBy: length)
        left = size + Self.lineBreak.count
        return nil
      } else {
        return .other
      }
    }
    held = bytes
    bytes = ByteBuffer()
    return nil
  }

  private static let lineBreak = Array("\r\n".utf8)
  /// Enough for 256 MiB.
  private static let maxDigits = 7
}

extension UInt8 {
  fileprivate var hexDigit: Int? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(self - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(self - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(self - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
