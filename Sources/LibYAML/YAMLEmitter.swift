/// Writes values as block YAML in one canonical form: the same value gives the same bytes, and every reader of YAML 1.1
/// or 1.2 reads each text as that text. Lists are indented like their key, as kubectl writes them.
package enum YAMLEmitter {
  /// Returns one document without markers, ending in a line break.
  package static func emit(_ value: YAMLValue) -> String {
    var output = ""
    let value = uncommented(value, indent: 0, to: &output)
    switch value {
    case .mapping(let entries) where !entries.isEmpty: mapping(entries, indent: 0, continues: false, to: &output)
    case .sequence(let items) where !items.isEmpty: sequence(items, indent: 0, continues: false, to: &output)
    default: leaf(value, indent: 0, to: &output)
    }
    return output
  }

  /// - Parameter continues: whether the first entry continues a line (after `- `).
  private static func mapping(
    _ entries: [(key: String, value: YAMLValue)], indent: Int, continues: Bool, to output: inout String
  ) {
    var onLine = continues
    for (key, value) in entries {
      if !onLine { pad(indent, &output) }
      onLine = false
      let value = uncommented(value, indent: indent, to: &output)
      let written = ScalarText.inline(key)
      // A key followed by a colon on the same line may have at most 1024 characters.
      if written.unicodeScalars.count > 1000 {
        output += "? \(written)\n"
        pad(indent, &output)
        output += ":"
      } else {
        output += "\(written):"
      }
      child(value, indent: indent, to: &output)
    }
  }

  private static func sequence(_ items: [YAMLValue], indent: Int, continues: Bool, to output: inout String) {
    var onLine = continues
    for item in items {
      if !onLine { pad(indent, &output) }
      onLine = false
      let item = uncommented(item, indent: indent, to: &output)
      output += "- "
      switch item {
      case .mapping(let entries) where !entries.isEmpty:
        mapping(entries, indent: indent + 2, continues: true, to: &output)
      case .sequence(let inner) where !inner.isEmpty:
        sequence(inner, indent: indent + 2, continues: true, to: &output)
      default:
        leaf(item, indent: indent + 2, to: &output)
      }
    }
  }

  /// Writes the value after a key's colon.
  private static func child(_ value: YAMLValue, indent: Int, to output: inout String) {
    switch value {
    case .mapping(let entries) where !entries.isEmpty:
      output += "\n"
      mapping(entries, indent: indent + 2, continues: false, to: &output)
    case .sequence(let items) where !items.isEmpty:
      output += "\n"
      sequence(items, indent: indent, continues: false, to: &output)
    default:
      output += " "
      leaf(value, indent: indent + 2, to: &output)
    }
  }

  /// Writes a value on one line, or a block of lines for a text with several; ends the line.
  private static func leaf(_ value: YAMLValue, indent: Int, to output: inout String) {
    switch value {
    case .null: output += "null"
    case .bool(let value): output += value ? "true" : "false"
    case .integer(let value): output += String(value)
    case .float(let value): output += float(value)
    case .string(let text):
      if ScalarText.canBeLiteral(text) {
        literal(text, indent: max(indent, 2), to: &output)
        return
      }
      output += ScalarText.inline(text)
    case .sequence: output += "[]"
    case .mapping: output += "{}"
    case .commented(_, let value): return leaf(value, indent: indent, to: &output)
    }
    output += "\n"
  }

  /// Writes the comment above a value, from a started line at the right indentation to another one; returns the value.
  private static func uncommented(_ value: YAMLValue, indent: Int, to output: inout String) -> YAMLValue {
    guard case .commented(let lines, let inner) = value else { return value }
    for line in lines {
      output += line.isEmpty ? "#\n" : "# \(ScalarText.oneLine(line))\n"
      pad(indent, &output)
    }
    return uncommented(inner, indent: indent, to: &output)
  }

  private static func literal(_ text: String, indent: Int, to output: inout String) {
    output += text.hasSuffix("\n") ? "|\n" : "|-\n"
    let body = text.hasSuffix("\n") ? text.dropLast() : text[...]
    for line in body.split(separator: "\n", omittingEmptySubsequences: false) {
      if !line.isEmpty { pad(indent, &output) }
      output += line
      output += "\n"
    }
  }

  /// Returns a form that both versions of YAML read as a float: with a point, and with a sign in the exponent.
  private static func float(_ value: Double) -> String {
    if value.isNaN { return ".nan" }
    if value.isInfinite { return value < 0 ? "-.inf" : ".inf" }
    let text = "\(value)"
    guard let exponent = text.firstIndex(of: "e") else { return text }
    let mantissa = text[..<exponent]
    let power = text[text.index(after: exponent)...]
    return mantissa + (mantissa.contains(".") ? "" : ".0") + "e" + (power.hasPrefix("-") ? "" : "+")
      + power.drop { $0 == "+" }
  }

  private static func pad(_ indent: Int, _ output: inout String) {
    for _ in 0..<indent { output += " " }
  }
}
