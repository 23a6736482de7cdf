/// A chart as SVG: one file without scripts, fonts or anything else from outside. Readable from about 400 pixels wide; its
/// colors follow the viewer's light or dark scheme.
package struct SVGChart: Sendable {
  /// In the units of the drawing, in which text is 16 high.
  package static let width = 640.0

  private let chart: Chart

  private static let left = 72.0
  private static let right = 16.0
  private static let top = 36.0
  private static let plotHeight = 200.0
  private static let legendLine = 24.0
  private var plotWidth: Double { Self.width - Self.left - Self.right }

  package init(_ chart: Chart) { self.chart = chart }

  /// The document.
  package var text: String { ChartSheet(title: chart.heading, charts: [chart]).text }

  /// The height of ``body``.
  var height: Double { Self.top + Self.plotHeight + 36 + Double(legend.count) * Self.legendLine + 12 }

  /// The elements of the chart, without those around them.
  var body: String {
    var body = "<title>\(SVGText.escaped(chart.heading))</title><desc>\(SVGText.escaped(summary))</desc>\n"
    body += text(chart.heading, x: 12, y: 22, more: " class=\"heading\"")
    let values = chart.drawableValues
    guard !values.isEmpty else {
      return body
        + text("no data", x: Self.width / 2, y: Self.top + Self.plotHeight / 2, more: " text-anchor=\"middle\"")
    }
    let scale = ValueScale(values, count: 4)
    for tick in scale.ticks {
      let y = self.y(tick, scale)
      body += line(Self.left, y, Self.width - Self.right, y, tick == 0 ? "axis" : "grid")
      body += text(scale.text(tick), x: Self.left - 8, y: y + 5, more: " text-anchor=\"end\"")
    }
    let ticks = TimeTicks(span: chart.span, count: 6)
    let bottom = Self.top + Self.plotHeight
    var end = 0.0
    for time in ticks.times {
      let x = self.x(time)
      body += line(x, bottom, x, bottom + 6, "axis")
      let words = ticks.text(time)
      let half = Double(words.count) * 4.7
      guard x - half > end, x + half < Self.width - 40 else { continue }
      body += text(words, x: x, y: bottom + 24, more: " text-anchor=\"middle\"")
      end = x + half + 8
    }
    body += text("UTC", x: Self.width - Self.right, y: bottom + 24, more: " text-anchor=\"end\"")
    for (index, series) in chart.series.enumerated() { body += path(series, index, scale) }
    return body + legendText
  }

  // MARK: The area

  private func x(_ time: Int64) -> Double { Self.left + chart.position(of: time) * plotWidth }

  private func y(_ value: Double, _ scale: ValueScale) -> Double {
    Self.top + (1 - scale.position(of: value)) * Self.plotHeight
  }

  /// The line of a series, broken at gaps. A point between two gaps is a dot.
  private func path(_ series: Chart.Series, _ index: Int, _ scale: ValueScale) -> String {
    var commands: [String] = []
    var isDown = false
    for point in chart.visiblePoints(of: series) {
      guard let value = point.drawable else {
        isDown = false
        continue
      }
      let place = "\(SVGText.number(x(point.time))) \(SVGText.number(y(value, scale)))"
      // A line to its own start is a dot, because its ends are round.
      commands.append(isDown ? "L\(place)" : "M\(place)L\(place)")
      isDown = true
    }
    guard !commands.isEmpty else { return "" }
    return "<path class=\"series s\(index % SVGText.patterns)\" d=\"\(commands.joined())\"/>\n"
  }

  // MARK: Words

  /// The indices of the series in each line of the legend.
  private var legend: [[Int]] {
    var lines: [[Int]] = []
    var width = 0.0
    for (index, series) in chart.series.enumerated() where !series.name.isEmpty {
      let needed = Self.legendWidth(series.name)
      if lines.isEmpty || width + needed > Self.width - 24 {
        lines.append([])
        width = 0
      }
      lines[lines.count - 1].append(index)
      width += needed
    }
    return lines
  }

  private static func legendWidth(_ name: String) -> Double { 64 + Double(name.count) * 9 }

  private var legendText: String {
    var text = ""
    var y = Self.top + Self.plotHeight + 52
    for indices in legend {
      var x = 12.0
      for index in indices {
        let name = chart.series[index].name
        text += line(x, y - 5, x + 36, y - 5, "series s\(index % SVGText.patterns)")
        text += self.text(name, x: x + 44, y: y)
        x += Self.legendWidth(name)
      }
      y += Self.legendLine
    }
    return text
  }

  /// The chart in words.
  private var summary: String {
    let parts = chart.series.map { series in
      let values = chart.visiblePoints(of: series).compactMap(\.drawable)
      guard let least = values.min(), let most = values.max(), let last = values.last else {
        return "\(series.name): no data"
      }
      return
        "\(series.name): from \(NumberText.short(least)) to \(NumberText.short(most)), last \(NumberText.short(last))"
    }
    return parts.isEmpty ? "no data" : parts.joined(separator: "; ")
  }

  private func text(_ words: String, x: Double, y: Double, more: String = "") -> String {
    "<text x=\"\(SVGText.number(x))\" y=\"\(SVGText.number(y))\"\(more)>\(SVGText.escaped(words))</text>\n"
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ name: String) -> String {
    let (x1, y1, x2, y2) = (SVGText.number(x1), SVGText.number(y1), SVGText.number(x2), SVGText.number(y2))
    return "<line class=\"\(name)\" x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\"/>\n"
  }
}
