/// A chart as lines of text. One series is a line of braille dots; several have a mark each, which the legend explains.
package struct TerminalChart: Sendable {
  /// The characters that a terminal can show.
  package enum Characters: Hashable, Sendable {
    case unicode
    case ascii
  }

  private let chart: Chart
  private let width: Int
  private let height: Int
  private let characters: Characters

  /// - Parameters:
  ///   - width: the columns of the whole chart; at least 24.
  ///   - height: the rows of the area between the axes; at least 3.
  package init(_ chart: Chart, width: Int, height: Int, characters: Characters = .unicode) {
    self.chart = chart
    self.width = max(24, width)
    self.height = max(3, height)
    self.characters = characters
  }

  /// The lines, none of which ends with blanks.
  package var lines: [String] {
    let values = chart.drawableValues
    guard !values.isEmpty else { return [chart.heading, "  no data"] }
    let scale = ValueScale(values, count: max(2, height / 3))
    var labels = [String](repeating: "", count: height)
    for tick in scale.ticks { labels[row(scale.position(of: tick), height)] = scale.text(tick) }
    // The word UTC stands below them.
    let gutter = max(3, labels.map(\.count).max() ?? 0)
    let columns = max(10, width - gutter - 2)
    let area = isLine ? dots(scale, columns) : marks(scale, columns)
    let axis = characters == .unicode ? ("┤", "│", "└", "─", "┬") : ("+", "|", "+", "-", "+")
    var lines = [chart.heading]
    for (label, cells) in zip(labels, area) {
      lines.append(Self.padded(label, gutter) + " " + (label.isEmpty ? axis.1 : axis.0) + String(cells))
    }
    let ticks = TimeTicks(span: chart.span, count: max(1, columns / 12))
    var line = [String](repeating: axis.3, count: columns)
    for time in ticks.times { line[column(of: time, columns)] = axis.4 }
    lines.append(Self.padded("", gutter) + " " + axis.2 + line.joined())
    lines.append(Self.padded("UTC", gutter) + "  " + times(ticks, columns))
    return (lines + legend).map(Self.trimmed)
  }

  private var isLine: Bool { chart.series.count == 1 && characters == .unicode }

  // MARK: The area

  /// A line of braille dots, two in each column and four in each row of text.
  private func dots(_ scale: ValueScale, _ columns: Int) -> [[Character]] {
    // The bits of the dots of a character (Unicode 15, chapter 21.1), by row and column.
    let bits: [[UInt32]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
    var cells = [[UInt32]](repeating: [UInt32](repeating: 0, count: columns), count: height)
    for series in chart.series {
      trace(series, scale, columns: columns * 2, rows: height * 4) { column, row in
        cells[row / 4][column / 2] |= bits[row % 4][column % 2]
      }
    }
    return cells.map { $0.map(Self.braille) }
  }

  private static func braille(_ dots: UInt32) -> Character {
    guard dots != 0, let scalar = Unicode.Scalar(0x2800 + dots) else { return " " }
    return Character(scalar)
  }

  private func marks(_ scale: ValueScale, _ columns: Int) -> [[Character]] {
    var cells = [[Character]](repeating: [Character](repeating: " ", count: columns), count: height)
    for (index, series) in chart.series.enumerated() {
      trace(series, scale, columns: columns, rows: height) { column, row in
        if cells[row][column] == " " { cells[row][column] = mark(index) }
      }
    }
    return cells
  }

  /// Calls `put` for each cell that the line of a series runs through. The line is broken at gaps.
  private func trace(
    _ series: Chart.Series, _ scale: ValueScale, columns: Int, rows: Int, _ put: (_ column: Int, _ row: Int) -> Void
  ) {
    var last: (column: Int, row: Int)?
    for point in chart.visiblePoints(of: series) {
      guard let value = point.drawable else {
        last = nil
        continue
      }
      let next = (column: column(of: point.time, columns), row: row(scale.position(of: value), rows))
      let start = last ?? next
      let steps = max(abs(next.column - start.column), abs(next.row - start.row))
      for step in 0...steps {
        let part = steps == 0 ? 1 : Double(step) / Double(steps)
        let column = Double(start.column) + part * Double(next.column - start.column)
        let row = Double(start.row) + part * Double(next.row - start.row)
        put(Int(column.rounded()), Int(row.rounded()))
      }
      last = next
    }
  }

  private func column(of time: Int64, _ columns: Int) -> Int {
    min(columns - 1, Int(chart.position(of: time) * Double(columns)))
  }

  private func row(_ position: Double, _ rows: Int) -> Int { Int(((1 - position) * Double(rows - 1)).rounded()) }

  // MARK: Words

  private func mark(_ index: Int) -> Character {
    let marks = Array(characters == .unicode ? "●▲■◆○△□◇abcdefghijklm" : "*+xo#@%=abcdefghijklm")
    return marks[index % marks.count]
  }

  private var legend: [String] {
    if isLine {
      let name = chart.series.first?.name ?? ""
      return name.isEmpty || name == chart.title ? [] : ["  " + name]
    }
    var lines: [String] = []
    for (index, series) in chart.series.enumerated() {
      let entry = "\(mark(index)) \(series.name)"
      if let line = lines.last, line.count + entry.count + 3 <= width {
        lines[lines.count - 1] = line + "   " + entry
      } else {
        lines.append("  " + entry)
      }
    }
    return lines
  }

  private func times(_ ticks: TimeTicks, _ columns: Int) -> String {
    var line = ""
    for time in ticks.times {
      let text = ticks.text(time)
      let start = max(0, column(of: time, columns) - text.count / 2)
      guard start + text.count <= columns, line.isEmpty || start > line.count else { continue }
      line += String(repeating: " ", count: start - line.count) + text
    }
    return line
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func trimmed(_ line: String) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }
}
