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

  package func paint(_ text: String, _ tone: Tone?) -> String {
    guard isColoured, let tone, !text.isEmpty else { return text }
    return "\u{1B}[\(tone.code)m\(text)\u{1B}[0m"
  }
}
