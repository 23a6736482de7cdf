/// A chart over time. Pure: drawn as SVG, or for a terminal.
package struct Chart: Hashable, Sendable {
  /// One line of it.
  package struct Series: Hashable, Sendable {
    /// For the legend.
    package var name: String
    /// By time, ascending. A nil value is a gap.
    package var points: [Point]

    package init(name: String, points: [Point]) {
      self.name = name
      self.points = points
    }
  }

  /// A value at a time.
  package struct Point: Hashable, Sendable {
    /// Milliseconds since 1970.
    package var time: Int64
    /// In the chart's unit; nil for a gap.
    package var value: Double?

    package init(time: Int64, value: Double?) {
      self.time = time
      self.value = value
    }
  }

  /// The heading, without the unit.
  package var title: String
  /// The unit of the values, such as `ms` or `tokens/s`; empty for numbers.
  package var unit: String
  package var series: [Series]
  /// The span of time that is shown, in milliseconds since 1970.
  package var span: Range<Int64>

  package init(title: String, unit: String = "", series: [Series], span: Range<Int64>) {
    self.title = title
    self.unit = unit
    self.series = series
    self.span = span
  }
}
