/// How a document is written out.
package enum JSONStyle: Sendable {
  /// One line, no spaces: the form that digests are taken of.
  case compact
  /// Two-space indents, one member a line: the form people read.
  case pretty
}

extension JSONValue {
  /// The document's text: keys sorted by UTF-8 bytes, shortest round-tripping numbers, only the escapes JSON demands.
  package func text(_ style: JSONStyle = .compact) -> String {
    String(decoding: bytes(style), as: UTF8.self)
  }

  /// The same as UTF-8 bytes.
  package func bytes(_ style: JSONStyle = .compact) -> [UInt8] {
    var writer = JSONWriter(pretty: style == .pretty)
    writer.write(self, depth: 0)
    return writer.output
  }
}

private struct JSONWriter {
  var output: [UInt8] = []
  let pretty: Bool

  init(pretty: Bool) {
    self.pretty = pretty
    output.reserveCapacity(256)
  }

  mutating func write(_ value: JSONValue, depth: Int) {
    switch value {
    case .null: raw("null")
    case .bool(let flag): raw(flag ? "true" : "false")
    case .int(let number): raw(String(number))
    case .double(let number): write(number)
    case .string(let text): write(text)
    case .array(let items):
      list(in: "[", "]", items, depth: depth) { writer, item in writer.write(item, depth: depth + 1) }
    case .object(let members):
      list(in: "{", "}", members.sorted { Self.precedes($0.key, $1.key) }, depth: depth) { writer, member in
        writer.write(member.key)
        writer.output.append(UInt8(ascii: ":"))
        if writer.pretty { writer.output.append(UInt8(ascii: " ")) }
        writer.write(member.value, depth: depth + 1)
      }
    }
  }

  private mutating func list<Element>(
    in open: Unicode.Scalar, _ close: Unicode.Scalar, _ elements: [Element], depth: Int,
    write: (inout JSONWriter, Element) -> Void
  ) {
    output.append(UInt8(ascii: open))
    var isFirst = true
    for element in elements {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      newline(depth + 1)
      write(&self, element)
    }
    if !isFirst { newline(depth) }
    output.append(UInt8(ascii: close))
  }

  /// By UTF-8 bytes.
  private static func precedes(_ one: String, _ other: String) -> Bool {
    let order = one.utf8.withContiguousStorageIfAvailable { one in
      other.utf8.withContiguousStorageIfAvailable { other in
        for index in 0..<min(one.count, other.count) where one[index] != other[index] {
          return one[index] < other[index]
        }
        return one.count < other.count
      }
    }
    return (order ?? nil) ?? one.utf8.lexicographicallyPrecedes(other.utf8)
  }

  private mutating func newline(_ depth: Int) {
    guard pretty else { return }
    output.append(UInt8(ascii: "\n"))
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }

  private mutating func raw(_ text: String) { output.append(contentsOf: text.utf8) }

  /// A double that is a whole number prints as the integer, so `1.0` and `1` are the same canonical bytes.
  private mutating func write(_ number: Double) {
    if let whole = Int64(exactly: number) { raw(String(whole)) } else { raw(number.isFinite ? "\(number)" : "null") }
  }

  private mutating func write(_ text: String) {
    output.append(UInt8(ascii: "\""))
    defer { output.append(UInt8(ascii: "\"")) }
    // Nearly every text needs no escape and is copied whole.
    let isCopied = text.utf8.withContiguousStorageIfAvailable { bytes in
      let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      guard isPlain else { return false }
      output.append(contentsOf: bytes)
      return true
    }
    if isCopied == true { return }
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): raw("\\\"")
      case UInt8(ascii: "\\"): raw("\\\\")
      case 0x0A: raw("\\n")
      case 0x0D: raw("\\r")
      case 0x09: raw("\\t")
      case 0..<0x20:
        raw("\\u00")
        output.append(hexDigit(byte >> 4))
        output.append(hexDigit(byte & 15))
      default: output.append(byte)
      }
    }
  }

  private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
