/// The style in which a document is written.
package enum JSONStyle: Sendable {
  /// One line without spaces: the form that digests are computed from.
  case compact
  /// Two-space indentation, one member per line: the form for people.
  case pretty
}

extension JSONValue {
  /// Returns the document's text: keys sorted by UTF-8 bytes, shortest round-trip numbers, only the escapes that JSON
  /// requires.
  package func text(_ style: JSONStyle = .compact) -> String {
    String(decoding: bytes(style), as: UTF8.self)
  }

  /// Returns the document's text as UTF-8 bytes.
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
    case .string(let text): output.appendJSON(text)
    case .array(let items):
      list(in: "[", "]", items, depth: depth) { writer, item in writer.write(item, depth: depth + 1) }
    case .object(let members, let alike):
      var sorted = Array(members)
      for member in alike { sorted.append((key: member.key, value: member.value)) }
      sorted.sort { utf8Precedes($0.key, $1.key) }
      list(in: "{", "}", sorted, depth: depth) { writer, member in
        writer.output.appendJSON(member.key)
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

  private mutating func newline(_ depth: Int) {
    guard pretty else { return }
    output.append(UInt8(ascii: "\n"))
    output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }

  private mutating func raw(_ text: String) { output.append(contentsOf: text.utf8) }

  /// Writes a double; a whole number is written as an integer, so that `1.0` and `1` are the same canonical bytes.
  private mutating func write(_ number: Double) {
    if let whole = Int64(exactly: number) { raw(String(whole)) } else { raw(number.isFinite ? "\(number)" : "null") }
  }
}

/// Compares keys in the order of the canonical form: by their UTF-8 bytes.
func utf8Precedes(_ one: String, _ other: String) -> Bool {
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

extension [UInt8] {
  /// Appends a JSON string, in quotes and with only the escapes that JSON requires.
  mutating func appendJSON(_ text: String) {
    append(UInt8(ascii: "\""))
    defer { append(UInt8(ascii: "\"")) }
    // Nearly every text needs no escape and is copied whole.
    let isCopied = text.utf8.withContiguousStorageIfAvailable { bytes in
      let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      if isPlain { append(contentsOf: bytes) }
      return isPlain
    }
    if isCopied == true { return }
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): append(contentsOf: "\\\\".utf8)
      case 0x0A: append(contentsOf: "\\n".utf8)
      case 0x0D: append(contentsOf: "\\r".utf8)
      case 0x09: append(contentsOf: "\\t".utf8)
      case 0..<0x20:
        append(contentsOf: "\\u00".utf8)
        append(Self.hexDigit(byte >> 4))
        append(Self.hexDigit(byte & 15))
      default: append(byte)
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
