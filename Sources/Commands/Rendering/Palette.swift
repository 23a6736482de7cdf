internal import Endpoints

/// The meaning of a piece of text; on a color terminal, each meaning has a color.
package enum TextStyle: Sendable, CaseIterable {
  case created
  case changed
  case removed
  case good
  case warning
  case failed
  case strong
  case muted

  /// The terminal's code ("Select Graphic Rendition", ECMA-48 8.3.117).
  fileprivate var code: String {
    switch self {
    case .created, .good: "32"
    case .changed, .warning: "33"
    case .removed, .failed: "31"
    case .strong: "1"
    case .muted: "2"
    }
  }
}

/// Colors text, or leaves it unchanged if colors are not supported.
package struct Palette: Hashable, Sendable {
  package let isColoured: Bool

  package init(isColoured: Bool) { self.isColoured = isColoured }

  package static let plain = Palette(isColoured: false)

  /// Marks a text with its meaning, as part of a line that is still to be printed.
  package func paint(_ text: String, _ style: TextStyle?) -> String {
    guard isColoured, let style, !text.isEmpty else { return text }
    return StyleMarker.begin(style) + text + StyleMarker.end
  }

  /// Returns a line as it is printed: marked texts get their colors, and all control characters are escaped.
  package func printed(_ line: String) -> String {
    guard isColoured else { return Printable.line(line) }
    var result = ""
    var rest = line.unicodeScalars[...]
    while let seal = rest.firstRange(of: StyleMarker.seal) {
      result += Printable.line(String(rest[..<seal.lowerBound]))
      rest = rest[seal.upperBound...]
      if let code = rest.popFirst().flatMap(StyleMarker.code) { result += "\u{1B}[\(code)m" }
    }
    return result + Printable.line(String(rest))
  }
}

/// The marks around a colored text until it is printed. Data cannot contain them: each process generates new ones, so
/// no outside text can color our lines.
private enum StyleMarker {
  static let seal: [Unicode.Scalar] = (0..<5).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0xF0000...0xFFFFD)) }

  private static let styles = Array(TextStyle.allCases)
  private static let firstLetter = UInt32(UInt8(ascii: "a"))

  static func begin(_ style: TextStyle) -> String {
    mark(firstLetter + UInt32(styles.firstIndex(of: style) ?? 0))
  }

  static let end = mark(UInt32(UInt8(ascii: ".")))

  /// Returns the terminal's code for the letter in a mark.
  static func code(_ letter: Unicode.Scalar) -> String? {
    if letter == "." { return "0" }
    let index = Int(letter.value) - Int(firstLetter)
    return styles.indices.contains(index) ? styles[index].code : nil
  }

  private static func mark(_ letter: UInt32) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: seal + [Unicode.Scalar(letter)].compactMap(\.self))
    return text
  }
}
