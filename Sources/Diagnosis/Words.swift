import Durations

/// Numbers as messages show them.
enum Words {
  /// `34%`; `0.4%` below one percent.
  static func percent(_ fraction: Double) -> String {
    let percent = fraction * 100
    guard percent > 0, percent < 1 else { return "\(whole(percent))%" }
    return "\((percent * 10).rounded() / 10)%"
  }

  /// `3 requests`, `1 request`.
  static func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }

  /// A time in milliseconds, with two or three significant digits: `40ms`, `1.2s`, `2m5s`.
  static func time(_ milliseconds: Double) -> String {
    guard milliseconds.isFinite, milliseconds < 1e12 else { return "?" }
    let value = max(0, milliseconds)
    if value < 1000 { return "\(whole(value))ms" }
    let unit: Double = value < 10_000 ? 100 : 1000
    return DurationText.text(.milliseconds(Int64((value / unit).rounded() * unit)))
  }

  /// A duration in whole seconds.
  static func time(_ duration: Duration) -> String { DurationText.text(seconds: duration.components.seconds) }

  /// A number with one digit after the point.
  static func number(_ number: Double) -> String {
    let rounded = (number * 10).rounded() / 10
    return rounded == rounded.rounded() ? whole(rounded) : "\(rounded)"
  }

  /// A rounded number.
  static func whole(_ number: Double) -> String { "\(clamped(number))" }

  /// The nearest whole number within 10^15: the figures come from elsewhere.
  static func clamped(_ number: Double) -> Int {
    number.isNaN ? 0 : Int(min(max(number.rounded(), -1e15), 1e15))
  }

  /// `1.2s (half), 3.4s (95%)`.
  static func percentiles(_ times: Percentiles) -> String {
    "\(time(times.p50)) for half of the requests, \(time(times.p95)) for the slowest 5%"
  }
}
