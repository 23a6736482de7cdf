/// Writes whole numbers in as few bytes as they need: seven bits in each, the lowest first.
struct VariableWriter {
  private(set) var bytes: [UInt8] = []

  mutating func write(_ number: Int) {
    // Zigzag: numbers near zero are short, whatever their sign.
    var rest = UInt64(bitPattern: Int64((number << 1) ^ (number >> 63)))
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func write(_ text: String) {
    write(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func write(_ counts: [Int: Int]) {
    write(counts.count)
    for (key, count) in counts.sorted(by: { $0.key < $1.key }) {
      write(key)
      write(count)
    }
  }
}

/// Reads what a ``VariableWriter`` has written.
struct VariableReader {
  /// The bytes are not what a writer has written.
  struct Damage: Error {}

  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  mutating func number() throws(Damage) -> Int {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = rest.popFirst(), shift < 64 {
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return Int(truncatingIfNeeded: Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))) }
      shift += 7
    }
    throw Damage()
  }

  mutating func text() throws(Damage) -> String {
    let count = try number()
    guard count >= 0, count <= rest.count else { throw Damage() }
    let text = String(decoding: rest.prefix(count), as: UTF8.self)
    rest = rest.dropFirst(count)
    return text
  }

  mutating func counts() throws(Damage) -> [Int: Int] {
    let count = try number()
    guard count >= 0, count <= rest.count else { throw Damage() }
    var counts: [Int: Int] = [:]
    for _ in 0..<count {
      let key = try number()
      counts[key] = try number()
    }
    return counts
  }
}
