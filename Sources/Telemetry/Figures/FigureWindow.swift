/// The span of time that figures show, and the steps that it is divided into.
package struct FigureWindow: Hashable, Sendable {
  /// Milliseconds since 1970. The start is a multiple of ten seconds, or of five minutes for steps of that length.
  package let span: Range<Int64>
  /// Milliseconds.
  package let step: Int64

  private static let usualSteps: Int64 = 120
  private static let maximumSteps: Int64 = 2000

  /// - Parameters:
  ///   - span: milliseconds since 1970; extended to a whole number of ten seconds, or of five minutes, at its start.
  ///   - step: the length of a step in milliseconds; nil for the 120th part of the span. It is rounded up to ten seconds, or
  ///     to five minutes if it is longer than that.
  package init(_ span: Range<Int64>, step: Int64? = nil) {
    let length = max(1, span.upperBound - span.lowerBound)
    let wanted = max(step ?? length / Self.usualSteps, length / Self.maximumSteps + 1)
    let level: RequestSummaries.Level = wanted > RequestSummaries.Level.long.rawValue ? .long : .short
    let unit = level.rawValue
    let rounded = (wanted + unit - 1) / unit * unit
    let grid = rounded % RequestSummaries.Level.long.rawValue == 0 ? RequestSummaries.Level.long.rawValue : unit
    self.step = rounded
    let start = span.lowerBound / grid * grid
    self.span = start..<max(start + 1, span.upperBound)
  }

  /// The summaries that the steps consist of.
  var level: RequestSummaries.Level { step % RequestSummaries.Level.long.rawValue == 0 ? .long : .short }

  /// The number of steps.
  package var count: Int { Int((span.upperBound - span.lowerBound + step - 1) / step) }

  /// The starts of the steps, in milliseconds since 1970.
  package var times: [Int64] { (0..<Int64(count)).map { span.lowerBound + $0 * step } }

  /// The step of a time; nil if it is outside.
  func index(of time: Int64) -> Int? {
    span.contains(time) ? Int((time - span.lowerBound) / step) : nil
  }

  /// The length of a step in seconds. The last one ends with the span.
  func seconds(_ index: Int) -> Double {
    let start = span.lowerBound + Int64(index) * step
    return max(1, Double(min(step, span.upperBound - start)) / 1000)
  }

  /// Calls `body` with the milliseconds of a part of the time that are in each step.
  func spread(_ part: Range<Int64>, _ body: (_ index: Int, _ milliseconds: Double) -> Void) {
    let part = part.clamped(to: span)
    var start = part.lowerBound
    while start < part.upperBound {
      let index = Int((start - span.lowerBound) / step)
      let end = min(part.upperBound, span.lowerBound + Int64(index + 1) * step)
      body(index, Double(end - start))
      start = end
    }
  }
}
