/// What a file is that is not YAML, as far as its text shows. Used to explain a fault: much of this is also valid YAML.
package enum ForeignSyntax: String, Sendable {
  case binary = "a binary file"
  case markdown = "Markdown"
  case toml = "TOML or INI"
  case hcl = "HCL (Terraform)"

  /// Recognizes a text by its name and its first lines; nil if it may be YAML.
  package init?(_ bytes: some Collection<UInt8>, file: String) {
    let start = Array(bytes.prefix(4096))
    if Self.isBinary(start) {
      self = .binary
      return
    }
    let raw = String(decoding: start, as: UTF8.self).split(whereSeparator: \.isNewline)
    let lines = raw.map { Self.trimmed($0) }.filter { !$0.isEmpty }
    let isNamedMarkdown = [".md", ".markdown"].contains { file.lowercased().hasSuffix($0) }
    // Within a YAML text of several lines, a fence would be indented.
    if isNamedMarkdown || raw.contains(where: { $0.hasPrefix("```") }) || Self.isMarkdown(lines) {
      self = .markdown
      return
    }
    let content = lines.filter { !$0.hasPrefix("#") && !$0.hasPrefix("//") && !$0.hasPrefix(";") }
    guard let first = content.first else { return nil }
    let second = content.dropFirst().first ?? ""
    if Self.isHCL(first) {
      self = .hcl
    } else if Self.isAssignment(first)
      || (Self.isSection(first) && (Self.isAssignment(second) || Self.isSection(second)))
    {
      self = .toml
    } else {
      return nil
    }
  }

  /// The beginnings of ELF, gzip, zip, PNG and PDF.
  private static let magic: [[UInt8]] = [
    [0x7F, 0x45, 0x4C, 0x46], [0x1F, 0x8B], [0x50, 0x4B, 0x03, 0x04], [0x89, 0x50, 0x4E, 0x47],
    [0x25, 0x50, 0x44, 0x46],
  ]

  private static func isBinary(_ start: [UInt8]) -> Bool {
    if magic.contains(where: { start.starts(with: $0) }) { return true }
    let controls = start.count { $0 < 0x20 && ![0x09, 0x0A, 0x0D, 0x1B].contains($0) }
    // A stray control character in a text is reported as itself.
    return controls >= 4 && controls * 20 > start.count
  }

  /// Whether there is a heading (in YAML: a comment), and then prose with few keys, if any.
  private static func isMarkdown(_ lines: [Substring]) -> Bool {
    guard let first = lines.first, first.hasPrefix("# ") || first.hasPrefix("## "),
      let second = lines.first(where: { !$0.hasPrefix("#") }), second.contains(" "), let letter = second.first,
      letter.isLetter || "*[!>".contains(letter), !isAssignment(second), !isHCL(second)
    else { return false }
    return lines.count(where: isKey) * 10 <= lines.count
  }

  /// Whether a line sets a key as YAML does: `key:`, `key: value` or `- key: value`.
  private static func isKey(_ line: Substring) -> Bool {
    let entry = line.hasPrefix("- ") ? trimmed(line.dropFirst(2)) : line
    guard let colon = entry.firstIndex(of: ":") else { return false }
    let next = entry.index(after: colon)
    return !entry[..<colon].contains(" ") && (next == entry.endIndex || entry[next] == " ")
  }

  /// `name = value`.
  private static func isAssignment(_ line: Substring) -> Bool {
    guard let equals = line.firstIndex(of: "=") else { return false }
    let name = trimmed(line[..<equals])
    return !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || "_-.".contains($0) }
  }

  /// `[section]` or `[[section]]`.
  private static func isSection(_ line: Substring) -> Bool {
    line.hasPrefix("[") && line.hasSuffix("]")
      && line.allSatisfy { $0.isLetter || $0.isNumber || "[]_-. \"".contains($0) }
  }

  /// `resource "kind" "name" {`, `terraform {`.
  private static func isHCL(_ line: Substring) -> Bool {
    guard line.hasSuffix("{") else { return false }
    let words = line.dropLast().split(separator: " ")
    guard let block = words.first, words.count <= 3 else { return false }
    return block.allSatisfy { $0.isLetter || $0 == "_" }
      && words.dropFirst().allSatisfy { $0.count > 1 && $0.hasPrefix("\"") && $0.hasSuffix("\"") }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return text
  }
}
