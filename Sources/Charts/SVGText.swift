/// Text for SVG.
enum SVGText {
  /// Text as the content of an element, or between quotes in an attribute.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      // XML does not have these, not even escaped (XML 1.0, 2.2).
      case _ where scalar.value < 0x20 || scalar.value & 0xFFFE == 0xFFFE: result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A length or a position.
  static func number(_ value: Double) -> String {
    let text = NumberText.fixed(value, decimals: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// Colors that are told apart by people with any color vision (Okabe and Ito, "Color Universal Design"), each with a
  /// pattern of dashes, so that the line is known without its color. In the dark, lighter ones.
  static let style: String = {
    let light = ["#0072b2", "#d55e00", "#009e73", "#a6528a", "#8a6d00", "#2f7fb5", "#444444", "#7a3300"]
    let dark = ["#56b4e9", "#ff8c42", "#2fd0a2", "#e6a3cb", "#f0c14b", "#9ad4f5", "#cccccc", "#f0b08a"]
    let dashes = ["none", "8 4", "2 3", "10 3 2 3", "14 4", "4 4", "1 5", "12 3 2 3 2 3"]
    func colors(_ list: [String]) -> String {
      list.enumerated().map { ".s\($0){stroke:\($1)}" }.joined()
    }
    let patterns = dashes.enumerated().map { ".s\($0){stroke-dasharray:\($1)}" }.joined()
    return """
      <style>
      text{font:16px system-ui,sans-serif;fill:#222}.heading{font-weight:600}.ground{fill:#fff}
      .grid{stroke:#ddd}.axis{stroke:#666}.series{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
      \(colors(light))\(patterns)
      @media (prefers-color-scheme: dark){
      text{fill:#eee}.ground{fill:#16181c}.grid{stroke:#3a3d42}.axis{stroke:#999}
      \(colors(dark))}
      </style>

      """
  }()

  /// The number of different lines.
  static let patterns = 8
}
