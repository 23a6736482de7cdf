internal import Endpoints

extension Timestamp {
  /// Returns the time as RFC 3339 in UTC: `2026-08-23T09:05:00Z`, or `2026-08-23T09:05:00.042Z` with milliseconds. The
  /// calendar is proleptic Gregorian; a year past 9999 has more digits.
  package func text(withMilliseconds: Bool = false) -> String {
    let date = GregorianDate(daysSince1970: milliseconds.flooredQuotient(by: 86_400_000))
    let ofDay = milliseconds.flooredRemainder(by: 86_400_000)
    let seconds = ofDay / 1000
    let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { Self.padded($0, 2) }.joined(separator: ":")
    let fraction = withMilliseconds ? ".\(Self.padded(ofDay % 1000, 3))" : ""
    let day = "\(Self.padded(date.year, 4))-\(Self.padded(date.month, 2))-\(Self.padded(date.day, 2))"
    return "\(day)T\(clock)\(fraction)Z"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number.magnitude)
    return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
