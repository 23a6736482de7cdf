/// Writes canonical JSON piece by piece, for documents so frequent that building a ``JSONValue`` first would be too
/// slow.
///
/// The caller writes the members of each object in the order of their keys' UTF-8 bytes, each key once.
package struct CanonicalWriter {
  /// The bytes written so far.
  package private(set) var bytes: [UInt8] = []
  /// Whether the next key or value is the first in its object or array, or follows its key.
  private var isFirst = true

  package init() { bytes.reserveCapacity(512) }

  /// Writes an object; `members` writes its members.
  package mutating func object(_ members: (inout CanonicalWriter) -> Void) {
    enclosed(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
  }

  /// Writes an array; `elements` writes its elements.
  package mutating func array(_ elements: (inout CanonicalWriter) -> Void) {
    enclosed(UInt8(ascii: "["), UInt8(ascii: "]"), elements)
  }

  /// Writes an object of strings, given in any order.
  package mutating func object(_ members: [String: String]) {
    object { writer in
      for (key, value) in members.sorted(by: { utf8Precedes($0.key, $1.key) }) { writer.member(key, value) }
    }
  }

  /// Writes a key; its value is written next.
  package mutating func key(_ key: String) {
    value(key)
    bytes.append(UInt8(ascii: ":"))
    isFirst = true
  }

  package mutating func member(_ key: String, _ text: String) {
    self.key(key)
    value(text)
  }

  package mutating func member(_ key: String, _ number: Int) {
    self.key(key)
    raw(String(number))
  }

  package mutating func member(_ key: String, _ flag: Bool) {
    self.key(key)
    raw(flag ? "true" : "false")
  }

  private mutating func value(_ text: String) {
    separate()
    bytes.appendJSON(text)
  }

  private mutating func raw(_ word: String) {
    separate()
    bytes.append(contentsOf: word.utf8)
  }

  private mutating func enclosed(_ open: UInt8, _ close: UInt8, _ body: (inout CanonicalWriter) -> Void) {
    separate()
    bytes.append(open)
    isFirst = true
    body(&self)
    bytes.append(close)
    isFirst = false
  }

  private mutating func separate() {
    if !isFirst { bytes.append(UInt8(ascii: ",")) }
    isFirst = false
  }
}
