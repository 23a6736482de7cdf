extension Timestamp {
  /// Returns the time as RFC 3339 in UTC: `2026-08-23T09:05:00Z`, or `2026-08-23T09:05:00.042Z` with milliseconds. The
  /// calendar is proleptic Gregorian; a year past 9999 has more digits.
  package func text(withMilliseconds: Bool = false) -> String {
    let (days, ofDay) = Self.split(milliseconds, 86_400_000)
    let (year, month, day) = Self.date(days)
    let seconds = ofDay / 1000
    let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { Self.padded($0, 2) }.joined(separator: ":")
    let fraction = withMilliseconds ? ".\(Self.padded(ofDay % 1000, 3))" : ""
    return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(clock)\(fraction)Z"
  }

  /// Returns the date a number of days after 1970-01-01. Years are counted from March, so that a leap day comes last.
  private static func date(_ daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let daysOfEra: Int64 = 146_097
    let (era, dayOfEra) = split(daysSince1970 + 719_468, daysOfEra)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }

  /// Returns quotient and remainder; the remainder is never negative.
  private static func split(_ number: Int64, _ divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number.magnitude)
    return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
