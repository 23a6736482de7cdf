internal import Endpoints

/// What a text means; on a colour terminal the meaning has a colour, elsewhere it has none.
package enum Tone: Sendable, CaseIterable {
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

/// Paints texts, or leaves them as they are where nobody would see colours.
package struct Palette: Hashable, Sendable {
  package let isColoured: Bool

  package init(isColoured: Bool) { self.isColoured = isColoured }

  package static let plain = Palette(isColoured: false)

  /// The text with its meaning, as a part of a line that is still to be printed.
  package func paint(_ text: String, _ tone: Tone?) -> String {
    guard isColoured, let tone, !text.isEmpty else { return text }
    return PaintMark.begin(tone) + text + PaintMark.end
  }

  /// A line as it goes out: what was painted has its colour, and everything that does not print as itself is escaped.
  package func printed(_ line: String) -> String {
    guard isColoured else { return Printable.line(line) }
    var result = ""
    var rest = line.unicodeScalars[...]
    while let seal = rest.firstRange(of: PaintMark.seal) {
      result += Printable.line(String(rest[..<seal.lowerBound]))
      rest = rest[seal.upperBound...]
      if let code = rest.popFirst().flatMap(PaintMark.code) { result += "\u{1B}[\(code)m" }
    }
    return result + Printable.line(String(rest))
  }
}

/// What stands before and behind a painted text until it is printed. Data cannot hold one: its characters are drawn anew by
/// each process, so nobody outside can colour a line of ours.
private enum PaintMark {
  static let seal: [Unicode.Scalar] = (0..<5).compactMap { _ in Unicode.Scalar(UInt32.random(in: 0xF0000...0xFFFFD)) }

  private static let tones = Array(Tone.allCases)
  private static let firstLetter = UInt32(UInt8(ascii: "a"))

  static func begin(_ tone: Tone) -> String {
    mark(firstLetter + UInt32(tones.firstIndex(of: tone) ?? 0))
  }

  static let end = mark(UInt32(UInt8(ascii: ".")))

  /// The terminal's code for the letter behind a seal.
  static func code(_ letter: Unicode.Scalar) -> String? {
    if letter == "." { return "0" }
    let index = Int(letter.value) - Int(firstLetter)
    return tones.indices.contains(index) ? tones[index].code : nil
  }

  private static func mark(_ letter: UInt32) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: seal + [Unicode.Scalar(letter)].compactMap(\.self))
    return text
  }
}
