/// The axis of values: round numbers that enclose all of them.
struct ValueScale: Hashable, Sendable {
  /// In ascending order, at least two: the first and the last are the ends of the axis.
  let ticks: [Double]
  /// The distance of two ticks is 1, 2 or 5 times this power of ten.
  private let exponent: Int

  /// - Parameters:
  ///   - values: finite ones. Zero is always on the axis.
  ///   - count: about how many intervals the axis has.
  init(_ values: [Double], count: Int) {
    let (least, most) = (min(0, values.min() ?? 0), max(0, values.max() ?? 0))
    let range = most - least
    let (step, exponent) = Self.step(for: (range > 1e-9 ? range : 1) / Double(max(1, count)))
    self.exponent = exponent
    let first = (least / step).rounded(.down)
    var last = (most / step).rounded(.up)
    if last == first { last += 1 }
    ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
  }

  var lower: Double { ticks.first ?? 0 }
  var upper: Double { ticks.last ?? 1 }

  /// The part of the axis below a value, from 0 to 1.
  func position(of value: Double) -> Double { min(1, max(0, (value - lower) / (upper - lower))) }

  /// A tick as text: all ticks of an axis have the same unit and decimals.
  func text(_ tick: Double) -> String {
    let (divisor, letter) = NumberText.unit(for: max(upper, -lower))
    let shift =
      switch letter {
      case "k": 3
      case "M": 6
      case "G": 9
      default: 0
      }
    let text = NumberText.fixed(tick / divisor, decimals: max(0, shift - exponent))
    return tick == 0 ? "0" : text + letter
  }

  private static func step(for raw: Double) -> (step: Double, exponent: Int) {
    var (power, exponent) = (1.0, 0)
    while raw >= power * 10 {
      power *= 10
      exponent += 1
    }
    while raw < power {
      power /= 10
      exponent -= 1
    }
    for factor in [1.0, 2, 5] where raw <= factor * power { return (factor * power, exponent) }
    return (10 * power, exponent + 1)
  }
}

extension Chart.Point {
  /// The value, if it can be drawn; anything else is a gap.
  var drawable: Double? {
    guard let value, value.isFinite, value.magnitude <= 1e15 else { return nil }
    return value
  }
}

extension Chart {
  /// The points of a series that are within the span. A point that cannot be drawn stays, as a gap.
  func visiblePoints(of series: Series) -> [Point] { series.points.filter { span.contains($0.time) } }

  /// All values that are drawn.
  var drawableValues: [Double] { series.flatMap { visiblePoints(of: $0).compactMap(\.drawable) } }

  /// The part of the span before a time, from 0 to 1.
  func position(of time: Int64) -> Double {
    let length = Double(span.upperBound) - Double(span.lowerBound)
    guard length > 0 else { return 0 }
    return min(1, max(0, (Double(time) - Double(span.lowerBound)) / length))
  }

  /// The title with the unit of the values.
  var heading: String { unit.isEmpty ? title : "\(title) (\(unit))" }
}
