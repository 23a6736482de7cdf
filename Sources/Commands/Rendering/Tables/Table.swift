internal import Endpoints

/// Rows under headings, with each column as wide as its widest cell, as kubectl prints them.
package struct Table: Sendable {
  package struct Cell: Sendable, ExpressibleByStringInterpolation {
    package let text: String
    package let style: TextStyle?

    package init(_ text: String, _ style: TextStyle? = nil) {
      // A cell is one line; `describe` shows a server's multi-line texts. It is escaped here already, because columns
      // are as wide as the printed text.
      self.text = Printable.line(text.split(whereSeparator: \.isNewline).joined(separator: " "))
      self.style = style
    }

    package init(stringLiteral value: String) { self.init(value) }
  }

  private let headings: [String]
  private var rows: [[Cell]] = []

  package init(_ headings: [String]) { self.headings = headings }

  package mutating func append(_ row: [Cell]) { rows.append(row) }

  package var isEmpty: Bool { rows.isEmpty }

  /// Returns the lines, headings first; no line ends with blanks.
  package func lines(_ palette: Palette = .plain) -> [String] {
    let head = headings.map { Cell($0) }
    let widths = headings.indices.map { column in
      ([head] + rows).map { column < $0.count ? $0[column].text.count : 0 }.max() ?? 0
    }
    return ([head] + rows).map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let isLast = row[(column + 1)...].allSatisfy(\.text.isEmpty)
        line += palette.paint(cell.text, cell.style)
        if isLast { break }
        line += String(repeating: " ", count: widths[column] - cell.text.count + 3)
      }
      return line
    }
  }
}
