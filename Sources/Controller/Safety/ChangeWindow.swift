internal import Endpoints
internal import FoundationEssentials
internal import FoundationInternationalization
package import Planning

/// When changes are allowed: hours of the day on days of the week, in one time zone.
///
/// It is open while the local time is inside it. So an hour that is skipped in spring is missing from it, and one that
/// occurs twice in autumn is in it twice. A window across midnight belongs to the day on which it begins.
package struct ChangeWindow: Hashable, Sendable, CustomStringConvertible {
  /// The text as given.
  package let description: String
  /// Days of the week on which it begins; Monday is 0.
  let days: Set<Int>
  /// Minutes since midnight; `end` is at most `start` if it is on the next day.
  let start: Int
  let end: Int
  let zone: TimeZone

  init(description: String, days: Set<Int>, start: Int, end: Int, zone: TimeZone) {
    self.description = description
    self.days = days
    self.start = start
    self.end = end
    self.zone = zone
  }

  /// Returns whether a change is allowed at this moment.
  package func isOpen(at moment: Timestamp) -> Bool {
    let second = moment.milliseconds.flooredQuotient(by: 1000)
    return Self.isInCalendar(moment) && isOpen(onClock: second + offset(atSecond: second))
  }

  /// Returns the first moment after this one at which the window opens; nil if it never closes.
  package func nextOpening(after moment: Timestamp) -> Timestamp? {
    guard days.count < 7 || start != 0 || end != Self.day, Self.isInCalendar(moment) else { return nil }
    // In whole seconds: windows begin at minutes, and clocks change at seconds.
    var second = moment.milliseconds.flooredQuotient(by: 1000)
    // A week and a day contain an opening, unless the clocks skip it; then the next week does.
    let last = second + 3 * 7 * 86_400
    while second < last {
      let offset = offset(atSecond: second)
      let change = nextChange(after: second, from: offset)
      if let opening = firstStart(after: second, offset: offset), opening < change { return Self.moment(opening) }
      if isOpen(onClock: change + self.offset(atSecond: change)), !isOpen(onClock: change - 1 + offset) {
        return Self.moment(change)
      }
      second = change
    }
    return nil
  }

  // MARK: Clocks

  static let day = 24 * 60

  /// - Parameter clock: the local time, as seconds since the local beginning of 1970.
  private func isOpen(onClock clock: Int64) -> Bool {
    let minute = Int(clock.flooredQuotient(by: 60))
    let (today, time) = (minute.flooredQuotient(by: Self.day), minute.flooredRemainder(by: Self.day))
    if end > start { return begins(on: today) && (start..<end).contains(time) }
    return time >= start ? begins(on: today) : time < end && begins(on: today - 1)
  }

  /// 1 January 1970 was a Thursday.
  private func begins(on day: Int) -> Bool { days.contains((day + 3).flooredRemainder(by: 7)) }

  /// Returns the next second at which the window opens by a clock with a constant offset.
  private func firstStart(after second: Int64, offset: Int64) -> Int64? {
    let today = Int((second + offset).flooredQuotient(by: 86_400))
    return (today...today + 7).lazy
      .filter { begins(on: $0) }
      .map { Int64($0) * 86_400 + Int64(start) * 60 - offset }
      .first { $0 > second && !isOpen(onClock: $0 - 1 + offset) }
  }

  /// Returns the next second at which the offset of the time zone differs; at most a day later, where it may be the
  /// same. Searched by bisection, a few hours at a time: no time zone changes its offset twice in that time.
  private func nextChange(after second: Int64, from offset: Int64) -> Int64 {
    let step: Int64 = 6 * 3600
    var low = second
    while low < second + 86_400 {
      var high = low + step
      guard self.offset(atSecond: high) != offset else {
        low = high
        continue
      }
      while high - low > 1 {
        let middle = (low + high) / 2
        if self.offset(atSecond: middle) == offset { low = middle } else { high = middle }
      }
      return high
    }
    return low
  }

  private func offset(atSecond second: Int64) -> Int64 {
    Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
  }

  /// Moments that are some hundred thousand years away have no known day of the week.
  private static func isInCalendar(_ moment: Timestamp) -> Bool { moment.milliseconds.magnitude < 1 << 52 }

  private static func moment(_ second: Int64) -> Timestamp { Timestamp(milliseconds: second * 1000) }
}
