import Endpoints

/// What a line of a replica's output says about itself: how severe it is, and when it was written. Pure.
///
/// vLLM's own lines are `(EngineCore pid=12) INFO 11-21 22:50:24 [file.py:857] text`, uvicorn's `INFO:     text`, those of
/// Python's logging `2026-11-21 22:50:24,123 - name - INFO - text` or `WARNING:name:text`.
struct OutputLine: Hashable, Sendable {
  /// The severity of a log record: OpenTelemetry's number, and the line's own word.
  struct Severity: Hashable, Sendable {
    var number = 0
    var text = ""
  }

  /// As a terminal shows it: without colors, and without what a progress bar has overwritten.
  let body: String
  private(set) var severity = Severity()
  /// In nanoseconds since 1970, to the second; nil if the line has no time.
  private(set) var time: Int64?

  /// - Parameters:
  ///   - text: the line without its line feed.
  ///   - observed: about when it was written, in nanoseconds since 1970: vLLM's times have no year.
  ///   - zone: the difference between the replica's local time and UTC at that time, in seconds.
  init(_ text: some StringProtocol, observed: Int64, zone: Int64) {
    body = Self.shown(text)
    var rest = body[...]
    if rest.hasPrefix("("), let close = rest.firstIndex(of: ")"), rest[..<close].contains("pid=") {
      rest = rest[rest.index(after: close)...].drop { $0 == " " }
    }
    if let date = Self.fullDate(rest, zone: zone) {
      time = date.time
      rest = date.rest
      severity = Self.firstLevel(in: rest) ?? Severity()
      return
    }
    guard let level = Self.level(at: rest) else {
      if rest.hasPrefix("Traceback (most recent call last)") { severity = Severity(number: 17) }
      if rest.contains("Warning: "), rest.prefix(while: { $0 != " " }).hasSuffix(":") {
        severity = Severity(number: 13)
      }
      return
    }
    severity = level.severity
    time = Self.dateWithoutYear(level.rest, observed: observed, zone: zone)
  }

  /// Whether the line begins a traceback that continues on the next lines.
  var beginsTraceback: Bool { body.contains("Traceback (most recent call last)") }

  /// Whether the line has neither a level nor a time, and so continues what is above it.
  var isContinuation: Bool { severity.number == 0 && time == nil }

  // MARK: Inside

  private static func shown(_ text: some StringProtocol) -> String {
    var shown = String(text)
    if shown.utf8.contains(0x1B) { shown = shown.replacing(#/\u{1B}\[[0-9;?]*[A-Za-z]/#, with: "") }
    guard shown.utf8.contains(UInt8(ascii: "\r")) else { return shown }
    let parts = shown.unicodeScalars.split(separator: "\r")
    return parts.last { !$0.allSatisfy { $0 == " " } }.map { String(String.UnicodeScalarView($0)) } ?? ""
  }

  private static let levels: [(word: String, number: Int)] = [
    ("TRACE", 1), ("DEBUG", 5), ("INFO", 9), ("WARNING", 13), ("WARN", 13), ("ERROR", 17), ("CRITICAL", 21),
    ("FATAL", 21),
  ]

  /// A level at the beginning, followed by a space or a colon.
  private static func level(at text: Substring) -> (severity: Severity, rest: Substring)? {
    let word = text.prefix { $0.isASCII && $0.isUppercase }
    guard let level = levels.first(where: { $0.word == word }) else { return nil }
    let rest = text[word.endIndex...]
    guard let next = rest.first, next == " " || next == ":" else { return nil }
    return (Severity(number: level.number, text: level.word), rest.drop { $0 == " " || $0 == ":" })
  }

  /// The first level among the first words of a line that begins with a date.
  private static func firstLevel(in text: Substring) -> Severity? {
    for word in text.prefix(200).split(whereSeparator: { " -[]:|\t".contains($0) }).prefix(6) {
      if let level = levels.first(where: { $0.word == word }) {
        return Severity(number: level.number, text: level.word)
      }
    }
    return nil
  }

  /// `11-21 22:50:24`.
  private static func dateWithoutYear(_ text: Substring, observed: Int64, zone: Int64) -> Int64? {
    guard let month = digits(text, at: 0, before: "-"), let day = digits(text, at: 3, before: " "),
      let second = secondOfDay(text.dropFirst(6)), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    let now = observed / billion + zone
    let year = GregorianDate(daysSince1970: now.flooredQuotient(by: 86400)).year
    let time = seconds(year, month, day) + second
    // A line of December that is read in January is not of the coming December.
    let local = time > now + 86400 ? seconds(year - 1, month, day) + second : time
    return (local - zone) * billion
  }

  /// `2026-11-21 22:50:24`, perhaps in brackets and with fractions.
  private static func fullDate(_ text: Substring, zone: Int64) -> (time: Int64, rest: Substring)? {
    let text = text.hasPrefix("[") ? text.dropFirst() : text
    guard let century = digits(text, at: 0, before: nil), let years = digits(text, at: 2, before: "-"),
      let month = digits(text, at: 5, before: "-"), let day = digits(text, at: 8, before: nil),
      let separator = text.dropFirst(10).first, separator == " " || separator == "T",
      let second = secondOfDay(text.dropFirst(11)), (1...12).contains(month), (1...31).contains(day),
      (19...22).contains(century)
    else { return nil }
    let local = seconds(century * 100 + years, month, day) + second
    let fraction = text.dropFirst(19).prefix { $0.isASCII && ($0.isNumber || $0 == "," || $0 == ".") }
    let rest = text[fraction.endIndex...]
    return ((local - (rest.hasPrefix("Z") ? 0 : zone)) * billion, rest)
  }

  /// `22:50:24`.
  private static func secondOfDay(_ text: Substring) -> Int64? {
    guard let hour = digits(text, at: 0, before: ":"), let minute = digits(text, at: 3, before: ":"),
      let second = digits(text, at: 6, before: nil), hour < 24, minute < 60, second <= 60
    else { return nil }
    return hour * 3600 + minute * 60 + second
  }

  /// Two digits, followed by a character.
  private static func digits(_ text: Substring, at offset: Int, before next: Character?) -> Int64? {
    let part = text.dropFirst(offset).prefix(3)
    let pair = part.prefix(2)
    guard pair.count == 2, pair.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    if let next, part.last != next || part.count != 3 { return nil }
    return Int64(pair)
  }

  private static let billion: Int64 = 1_000_000_000

  /// The seconds since 1970 at the beginning of a day.
  private static func seconds(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    GregorianDate(year: year, month: month, day: day).daysSince1970 * 86400
  }
}
