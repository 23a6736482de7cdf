/// A SHA-256 digest: 32 bytes, compared, sorted and hashed as one number.
package struct SHA256Digest: Hashable, Sendable {
  /// The number of bytes in a digest.
  package static let byteCount = 32

  // Four big-endian words instead of an array: no allocation, and comparison is four integer comparisons.
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// Creates a digest from 32 bytes; nil for any other number of bytes.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    self.init { buffer in _ = buffer.initialize(fromContentsOf: bytes) }
  }

  /// Creates a digest from 64 hexadecimal digits in either case; nil for anything else.
  package init?(hex: String) {
    guard let bytes = Hexadecimal.decode(hex) else { return nil }
    self.init(bytes: bytes)
  }

  /// Creates a digest whose 32 bytes `fill` writes into the given buffer.
  init(filledBy fill: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
    self.words = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.byteCount) { buffer in
      buffer.initialize(repeating: 0)
      fill(buffer)
      let raw = UnsafeRawBufferPointer(buffer)
      func word(_ index: Int) -> UInt64 {
        UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
      }
      return (word(0), word(1), word(2), word(3))
    }
  }

  /// The 32 bytes.
  package var bytes: [UInt8] {
    withUnsafeBytes(of: (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)) { Array($0) }
  }

  /// The digest as 64 lower-case hexadecimal digits.
  package var hexString: String { Hexadecimal.encode(bytes) }

  package static func == (left: Self, right: Self) -> Bool { left.words == right.words }

  package func hash(into hasher: inout Hasher) {
    // The bytes of a digest are uniformly distributed; one word is as good as four.
    hasher.combine(words.0)
  }
}

extension SHA256Digest: Comparable {
  package static func < (left: Self, right: Self) -> Bool { left.words < right.words }
}

extension SHA256Digest: CustomStringConvertible {
  package var description: String { hexString }
}
