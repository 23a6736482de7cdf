import Controller
import Foundation
import Planning
import Testing

private func moment(_ text: String) throws -> Timestamp {
  let strategy = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
  return Timestamp(milliseconds: Int64((try strategy.parse(text).timeIntervalSince1970 * 1000).rounded()))
}

@Suite struct ChangeWindowTests {
  /// In 2026 clocks in Berlin went forward on Sunday, 29 March, and back on Sunday, 25 October, both at 01:00 UTC; in New
  /// York on 8 March at 07:00 UTC and on 1 November at 06:00 UTC; on Lord Howe Island back by half an hour, on 4 April at
  /// 15:00 UTC.
  @Test(arguments: [
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-27T07:59:59.999Z", false),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-27T08:00:00Z", true),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-27T15:59:59.999Z", true),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-27T16:00:00Z", false),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-28T10:00:00Z", false),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-30T07:00:00Z", true),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-30T15:00:00Z", false),
    // The day is the local one, not that of UTC.
    ("Mon 00:00-06:00 Asia/Tokyo", "2026-03-29T16:00:00Z", true),
    ("Sun 18:00-24:00 America/Los_Angeles", "2026-03-30T06:59:59Z", true),
    ("Sun 18:00-24:00 America/Los_Angeles", "2026-03-30T07:00:00Z", false),
    ("daily 09:00-17:00 Asia/Kolkata", "2026-06-01T03:29:59Z", false),
    ("daily 09:00-17:00 Asia/Kolkata", "2026-06-01T03:30:00Z", true),
    // Past midnight it belongs to the day on which it begins.
    ("Sat 22:00-04:00 UTC", "2026-03-29T03:59:59Z", true), ("Sat 22:00-04:00 UTC", "2026-03-29T04:00:00Z", false),
    ("Sat 22:00-04:00 UTC", "2026-03-28T03:00:00Z", false), ("Sat 22:00-04:00 UTC", "2026-03-28T22:00:00Z", true),
    ("Sun 22:00-04:00 UTC", "2026-03-30T03:00:00Z", true), ("Sun 22:00-00:00 UTC", "2026-03-30T00:00:00Z", false),
    ("Sun 22:00-00:00 UTC", "2026-03-29T23:59:00Z", true),
    // A night of five hours and one of seven.
    ("daily 22:00-04:00 America/New_York", "2026-03-08T02:59:59Z", false),
    ("daily 22:00-04:00 America/New_York", "2026-03-08T03:00:00Z", true),
    ("daily 22:00-04:00 America/New_York", "2026-03-08T07:59:59Z", true),
    ("daily 22:00-04:00 America/New_York", "2026-03-08T08:00:00Z", false),
    ("daily 22:00-04:00 America/New_York", "2026-11-01T02:00:00Z", true),
    ("daily 22:00-04:00 America/New_York", "2026-11-01T08:59:59Z", true),
    ("daily 22:00-04:00 America/New_York", "2026-11-01T09:00:00Z", false),
    // An hour that is skipped, and one that occurs twice.
    ("daily 02:15-02:45 Europe/Berlin", "2026-03-29T00:59:59Z", false),
    ("daily 02:15-02:45 Europe/Berlin", "2026-03-29T01:15:00Z", false),
    ("daily 02:15-02:45 Europe/Berlin", "2026-10-25T00:15:00Z", true),
    ("daily 02:15-02:45 Europe/Berlin", "2026-10-25T00:45:00Z", false),
    ("daily 02:15-02:45 Europe/Berlin", "2026-10-25T01:15:00Z", true),
    ("daily 02:15-02:45 Europe/Berlin", "2026-10-25T01:45:00Z", false),
    ("daily 01:30-02:00 Australia/Lord_Howe", "2026-04-04T14:30:00Z", true),
    ("daily 01:30-02:00 Australia/Lord_Howe", "2026-04-04T15:29:59Z", true),
    ("daily 01:30-02:00 Australia/Lord_Howe", "2026-04-04T15:30:00Z", false),
    // Days.
    ("Sat,Sun 10:00-12:00 UTC", "2026-03-29T10:00:00Z", true),
    ("Sat,Sun 10:00-12:00 UTC", "2026-03-30T10:00:00Z", false),
    ("Fri-Mon 10:00-12:00 UTC", "2026-03-30T10:00:00Z", true),
    ("Fri-Mon 10:00-12:00 UTC", "2026-03-31T10:00:00Z", false),
    ("monday,WED-thu 10:00-12:00 UTC", "2026-04-02T10:00:00Z", true),
    ("daily 00:00-24:00 UTC", "2026-04-02T23:59:59.999Z", true),
    ("Thu 10:00-12:00 UTC", "1970-01-01T10:00:00Z", true), ("Wed 10:00-12:00 UTC", "1969-12-31T11:59:00Z", true),
  ])
  func `a window is open while the clocks of its time zone show an hour inside it`(
    window: String, at: String, isOpen: Bool
  ) throws {
    #expect(try ChangeWindow(parsing: window).isOpen(at: moment(at)) == isOpen)
  }

  @Test(arguments: [
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-27T16:00:00Z", "2026-03-30T07:00:00Z"),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-30T06:59:59.999Z", "2026-03-30T07:00:00Z"),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-03-30T07:00:00Z", "2026-03-31T07:00:00Z"),
    ("Mon-Fri 09:00-17:00 Europe/Berlin", "2026-10-23T15:00:00Z", "2026-10-26T08:00:00Z"),
    ("Sat 22:00-04:00 UTC", "2026-03-29T01:00:00Z", "2026-04-04T22:00:00Z"),
    ("daily 02:15-02:45 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:15:00Z"),
    ("Sun 02:15-02:45 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-04-05T00:15:00Z"),
    ("daily 02:15-02:45 Europe/Berlin", "2026-10-25T00:20:00Z", "2026-10-25T01:15:00Z"),
    ("daily 02:30-04:00 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
    ("daily 01:00-02:30 Europe/Berlin", "2026-10-24T23:30:00Z", "2026-10-25T01:00:00Z"),
    // A full day that follows a full day opens nothing.
    ("Mon-Tue 00:00-24:00 UTC", "2026-03-29T12:00:00Z", "2026-03-30T00:00:00Z"),
    ("Mon-Tue 00:00-24:00 UTC", "2026-03-30T12:00:00Z", "2026-04-06T00:00:00Z"),
  ])
  func `a window opens next when its clocks say so`(window: String, after: String, expected: String) throws {
    #expect(try ChangeWindow(parsing: window).nextOpening(after: moment(after))?.text() == expected)
  }

  @Test func `a window that never closes has no next opening`() throws {
    for days in ["daily", "Mon-Sun", "Mon,Tue,Wed-Fri,Sat,Sun"] {
      let window = try ChangeWindow(parsing: "\(days) 00:00-24:00 Europe/Berlin")
      #expect(try window.nextOpening(after: moment("2026-03-29T00:30:00Z")) == nil)
      #expect(try window.isOpen(at: moment("2026-03-29T00:30:00Z")))
    }
  }

  @Test(arguments: [Int64.min, .max])
  func `a time beyond every calendar is closed and harmless`(milliseconds: Int64) throws {
    let window = try ChangeWindow(parsing: "Mon 09:00-17:00 UTC")
    #expect(!window.isOpen(at: Timestamp(milliseconds: milliseconds)))
    #expect(window.nextOpening(after: Timestamp(milliseconds: milliseconds)) == nil)
  }

  /// Around the days of clock changes, minute by minute.
  @Test(arguments: [
    ("daily 02:30-03:30 Europe/Berlin", "2026-03-28T03:00:00Z"),
    ("daily 02:00-03:00 Europe/Berlin", "2026-10-24T01:30:00Z"),
    ("Sat,Sun 23:30-02:10 Europe/Berlin", "2026-10-24T22:00:00Z"),
    ("daily 01:15-01:45 America/New_York", "2026-11-01T04:00:00Z"),
    ("Sat 23:00-02:30 America/New_York", "2026-03-08T06:30:00Z"),
    ("daily 01:45-01:50 Australia/Lord_Howe", "2026-04-04T14:52:00Z"),
    ("Mon-Fri 00:00-24:00 Africa/Cairo", "2026-04-23T20:00:00Z"),
  ])
  func `the next opening is the first open minute after a closed one`(window: String, from: String) throws {
    let window = try ChangeWindow(parsing: window)
    var now = try moment(from)
    for _ in 0..<4 {
      var minute = now + .seconds(60)
      var wasOpen = window.isOpen(at: now)
      while wasOpen || !window.isOpen(at: minute) {
        wasOpen = window.isOpen(at: minute)
        minute = minute + .seconds(60)
      }
      #expect(window.nextOpening(after: now)?.text() == minute.text(), "after \(now.text())")
      now = minute
    }
  }

  @Test(arguments: [
    ("", "it must contain days, hours and a time zone", "Mon-Fri 09:00-17:00 Europe/Berlin"),
    ("Mon-Fri 09:00-17:00", "it must contain days, hours and a time zone", "Europe/Berlin"),
    ("Mon - Fri 09:00-17:00 UTC", "unexpected text after", "Mon-Fri 09:00-17:00"),
    ("Mo-Fr 09:00-17:00 UTC", "\"Mo\" is not a valid day of the week", "Mon, Tue"),
    ("Mon,,Fri 09:00-17:00 UTC", "a day is missing", "Mon, Tue"),
    ("Mon-Wed-Fri 09:00-17:00 UTC", "\"Mon-Wed-Fri\" is not a valid range of days", "Sat,Sun"),
    ("Mon 9:00-17:00 UTC", "\"9:00\" is not a valid time of day", "09:00-17:00"),
    ("Mon 09:00-24:01 UTC", "\"24:01\" is not a valid time of day", "00:00 to 24:00"),
    ("Mon 09:60-17:00 UTC", "\"09:60\" is not a valid time of day", "09:00-17:00"),
    ("Mon 09:00 UTC", "\"09:00\" is not a valid range of hours", "09:00-17:00"),
    ("Mon 24:00-02:00 UTC", "it starts at 24:00", "00:00"),
    ("Mon 09:00-09:00 UTC", "starts and ends at 09:00", "00:00-24:00"),
    ("Mon 09:00-17:00 Berlin", "\"Berlin\" is not a valid time zone", "did you mean Europe/Berlin?"),
    ("Mon 09:00-17:00 europe/berlin", "is not a valid time zone", "did you mean Europe/Berlin?"),
    ("Mon 09:00-17:00 utc", "is not a valid time zone", "did you mean UTC?"),
    ("Mon 09:00-17:00 EST", "\"EST\" is not a valid time zone", "America/New_York"),
    ("Mon 09:00-17:00 GMT+2", "\"GMT+2\" is not a valid time zone", "Europe/Berlin"),
    ("Mon 09:00-17:00 Mars/Olympus", "\"Mars/Olympus\" is not a valid time zone", "Europe/Berlin"),
    ("Mon 09:00-17:00 ../etc", "is not a valid time zone", "Europe/Berlin"),
    ("Mon ٠٩:00-17:00 UTC", "is not a valid time of day", "09:00-17:00"),
  ])
  func `an invalid window is refused with the expected form`(text: String, problem: String, next: String) throws {
    let error = #expect(throws: ChangeWindowError.self) { try ChangeWindow(parsing: text) }
    let words = try #require(error).description
    #expect(words.contains(problem) && words.contains(next) && words.contains("\"\(text)\""))
  }

  @Test func `a window is shown as it was written`() throws {
    let window = try ChangeWindow(parsing: " Mon-Fri  09:00-17:00   Europe/Berlin ")
    #expect(window.description == "Mon-Fri 09:00-17:00 Europe/Berlin")
  }
}
