/// The axis of time: round times in UTC.
struct TimeTicks: Hashable, Sendable {
  /// In milliseconds since 1970, ascending.
  let times: [Int64]
  /// Milliseconds.
  private let step: Int64

  private static let day: Int64 = 86_400_000
  private static let steps: [Int64] =
    [1, 2, 5, 10, 15, 30].map { $0 * 1000 } + [1, 2, 5, 10, 15, 30].map { $0 * 60_000 }
    + [1, 2, 3, 6, 12].map { $0 * 3_600_000 } + [1, 2, 7, 14].map { $0 * day }

  /// - Parameter count: the maximum number of intervals.
  init(span: Range<Int64>, count: Int) {
    // Further away, there are no dates.
    let limit: Int64 = 1 << 53
    guard span.lowerBound > -limit, span.upperBound < limit, !span.isEmpty else {
      (times, step) = ([], 1000)
      return
    }
    let length = span.upperBound - span.lowerBound
    let count = Int64(max(1, count))
    var step = Self.steps.first { length / $0 <= count } ?? 28 * Self.day
    while length / step > count { step *= 2 }
    self.step = step
    let first = -Self.floor(-span.lowerBound, step) * step
    times = Array(stride(from: first, to: span.upperBound, by: Int64.Stride(step)))
  }

  /// A tick as text: the time of the day, or the day at midnight.
  func text(_ time: Int64) -> String {
    let days = Self.floor(time, Self.day)
    let seconds = (time - days * Self.day) / 1000
    if step >= Self.day || seconds == 0 {
      let (month, day) = Self.date(days)
      return "\(Self.two(month))-\(Self.two(day))"
    }
    let clock = "\(Self.two(seconds / 3600)):\(Self.two(seconds / 60 % 60))"
    return step < 60_000 ? "\(clock):\(Self.two(seconds % 60))" : clock
  }

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
    let quotient = number / divisor
    return number % divisor < 0 ? quotient - 1 : quotient
  }

  /// The month and the day of a number of days since 1970, in the Gregorian calendar. Years begin in March here, so that
  /// the leap day is their last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  private static func date(_ days: Int64) -> (month: Int64, day: Int64) {
    let shifted = days + 719_468
    let day = shifted - floor(shifted, 146_097) * 146_097
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    return (month < 10 ? month + 3 : month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
  }
}
