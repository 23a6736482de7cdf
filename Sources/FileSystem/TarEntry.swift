/// A file's header in a tar archive ("ustar", POSIX.1-1988). Sizes of 8 GiB and more are written as GNU tar writes them.
/// Pure: bytes in, bytes out.
package struct TarEntry: Hashable, Sendable {
  /// The size of a header, and what the contents of each file are filled up to a multiple of.
  package static let blockSize = 512
  /// What ends an archive.
  package static let end = [UInt8](repeating: 0, count: 2 * blockSize)

  /// At most 100 bytes.
  package let name: String
  /// The number of bytes of its contents.
  package let size: Int64
  /// Seconds since 1970.
  package let modified: Int64

  package init(name: String, size: Int64, modified: Int64) {
    self.name = name
    self.size = size
    self.modified = modified
  }

  /// The number of zeros after the contents.
  package var padding: Int {
    let rest = Int(size % Int64(Self.blockSize))
    return rest == 0 ? 0 : Self.blockSize - rest
  }

  // Offsets and lengths of the fields.
  private static let nameField = 0..<100
  private static let sizeField = 124..<136
  private static let timeField = 136..<148
  private static let checksumField = 148..<156
  private static let typeField = 156
  private static let magicField = 257..<262

  /// The block before the contents.
  package var header: [UInt8] {
    var block = [UInt8](repeating: 0, count: Self.blockSize)
    func put(_ bytes: some Sequence<UInt8>, at start: Int) {
      for (offset, byte) in bytes.enumerated() { block[start + offset] = byte }
    }
    put(name.utf8.prefix(Self.nameField.count), at: Self.nameField.lowerBound)
    put("0000600\0".utf8, at: 100)
    put("0000000\0".utf8, at: 108)
    put("0000000\0".utf8, at: 116)
    put(Self.number(size), at: Self.sizeField.lowerBound)
    put(Self.number(modified), at: Self.timeField.lowerBound)
    block[Self.typeField] = UInt8(ascii: "0")
    put("ustar\0".utf8, at: Self.magicField.lowerBound)
    put("00".utf8, at: 263)
    put("\(Self.octal(Self.checksum(block), digits: 6))\0 ".utf8, at: Self.checksumField.lowerBound)
    return block
  }

  /// Reads the header of a regular file; nil for anything else, damaged ones included.
  package init?(header block: [UInt8]) {
    guard block.count == Self.blockSize, block[Self.magicField].elementsEqual("ustar".utf8),
      block[Self.typeField] == UInt8(ascii: "0"),
      Self.value(block[Self.checksumField]) == Int64(Self.checksum(block)),
      let size = Self.value(block[Self.sizeField]), let modified = Self.value(block[Self.timeField])
    else { return nil }
    self.init(
      name: String(decoding: block[Self.nameField].prefix { $0 != 0 }, as: UTF8.self), size: size, modified: modified)
  }

  /// The sum of all bytes, with blanks in place of itself.
  private static func checksum(_ block: [UInt8]) -> Int {
    block.indices.reduce(0) { $0 + Int(checksumField.contains($1) ? 0x20 : block[$1]) }
  }

  private static func octal(_ number: Int, digits: Int) -> String {
    let text = String(number, radix: 8)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// Twelve bytes: eleven octal digits, or a binary number with its first bit set.
  private static func number(_ value: Int64) -> [UInt8] {
    guard value >= 1 << 33 else { return Array(octal(Int(max(0, value)), digits: 11).utf8) + [0] }
    return [0x80, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * (7 - Int64($0)))) }
  }

  private static func value(_ field: ArraySlice<UInt8>) -> Int64? {
    guard field.first == 0x80 else {
      let digits = field.prefix { $0 != 0 && $0 != 0x20 }
      return Int64(String(decoding: digits, as: UTF8.self), radix: 8).flatMap { $0 >= 0 ? $0 : nil }
    }
    let value = field.dropFirst().suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int64(exactly: value)
  }
}
