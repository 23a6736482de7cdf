internal import FoundationEssentials
internal import FoundationInternationalization

/// Why a text is not a valid change window.
package struct ChangeWindowError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text as given.
  package let text: String
  package let problem: String
  /// The correct form.
  package let next: String

  package var description: String { "\"\(text)\" is not a valid change window: \(problem); \(next)" }
}

extension ChangeWindow {
  /// Parses days, hours and time zone: `Mon-Fri 09:00-17:00 Europe/Berlin`.
  ///
  /// Days are days and ranges of days separated by commas, in English, or `daily`; a range may cross Sunday, such as
  /// `Sat-Mon`. Hours range from 00:00 to 24:00; if the end is not after the start, it is on the next day. The time zone
  /// is a name from the time zone database; abbreviations (`EST`, `CET`) are refused, since they mean several zones, or
  /// a zone without its daylight saving time.
  /// - Throws: the problem and the correct form.
  package init(parsing text: String) throws(ChangeWindowError) {
    let parts = text.split(whereSeparator: \.isWhitespace).map(String.init)
    guard parts.count == 3 else {
      let problem =
        parts.count < 3
        ? "it must contain days, hours and a time zone" : "unexpected text after days, hours and time zone"
      throw ChangeWindowError(text: text, problem: problem, next: "use the form \"Mon-Fri 09:00-17:00 Europe/Berlin\"")
    }
    do {
      let days = try Self.days(parts[0])
      let (start, end) = try Self.hours(parts[1])
      self.init(
        description: parts.joined(separator: " "), days: days, start: start, end: end, zone: try Self.zone(parts[2]))
    } catch {
      throw ChangeWindowError(text: text, problem: error.problem, next: error.next)
    }
  }

  private struct Unreadable: Error {
    let problem: String
    let next: String
  }

  private static let dayNames = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

  private static func days(_ text: String) throws(Unreadable) -> Set<Int> {
    if text.lowercased() == "daily" { return Set(0..<7) }
    var days: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard let first = ends.first, let last = ends.last, ends.count <= 2 else {
        throw Unreadable(
          problem: "\"\(part)\" is not a valid range of days", next: "use, for example, Mon-Fri or Sat,Sun")
      }
      let (start, end) = (try day(first), try day(last))
      days.formUnion((start...(end < start ? end + 7 : end)).map { $0 % 7 })
    }
    return days
  }

  private static func day(_ text: Substring) throws(Unreadable) -> Int {
    let word = text.lowercased()
    guard word.count >= 3, let day = dayNames.firstIndex(where: { $0 == word || $0.prefix(3) == word }) else {
      throw Unreadable(
        problem: text.isEmpty ? "a day is missing" : "\"\(text)\" is not a valid day of the week",
        next: "use Mon, Tue, Wed, Thu, Fri, Sat, Sun or daily, separated by - or ,")
    }
    return day
  }

  private static func hours(_ text: String) throws(Unreadable) -> (start: Int, end: Int) {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else {
      throw Unreadable(problem: "\"\(text)\" is not a valid range of hours", next: "use, for example, 09:00-17:00")
    }
    let (start, end) = (try minute(ends[0]), try minute(ends[1]))
    guard start != Self.day else {
      throw Unreadable(problem: "it starts at 24:00", next: "use 00:00 of the next day")
    }
    guard start != end else {
      throw Unreadable(
        problem: "it starts and ends at \(ends[0])", next: "for the whole day, use 00:00-24:00")
    }
    return (start, end)
  }

  /// `HH:MM`, as minutes since midnight.
  private static func minute(_ text: Substring) throws(Unreadable) -> Int {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.count == 2 && $0.allSatisfy { $0.isASCII && $0.isNumber } }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= Self.day
    else {
      throw Unreadable(
        problem: "\"\(text)\" is not a valid time of day", next: "use 00:00 to 24:00, for example 09:00-17:00")
    }
    return hour * 60 + minute
  }

  private static func zone(_ text: String) throws(Unreadable) -> TimeZone {
    let isPlace = text.contains("/") || text == "UTC"
    if isPlace, let zone = TimeZone(identifier: text) { return zone }
    // If only the case differs, or only the city is given, the intention is clear.
    let wanted = text.lowercased()
    let meant = TimeZone.knownTimeZoneIdentifiers.first { name in
      name.lowercased() == wanted || name.lowercased().hasSuffix("/\(wanted)")
    }
    let suggestion = wanted == "utc" ? "UTC" : meant
    throw Unreadable(
      problem: "\"\(text)\" is not a valid time zone",
      next: suggestion.map { "did you mean \($0)?" } ?? "use a name such as Europe/Berlin, America/New_York or UTC")
  }
}
