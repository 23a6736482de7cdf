import FoundationEssentials
import Planning
import Testing

@Suite struct TimestampTextTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (1_767_225_600_042, "2026-01-01T00:00:00.042Z"),
      (951_868_799_999, "2000-02-29T23:59:59.999Z"), (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
      (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func `a time is written in RFC 3339, to the millisecond on request`(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).text(withMilliseconds: true) == text)
    #expect(Timestamp(milliseconds: milliseconds).text() == text.prefix(text.count - 5) + "Z")
  }

  @Test func `every day of 800 years has the date that Foundation computes`() {
    // From 1600 to 2399; Foundation counts in the Julian calendar before October 1582.
    for day in Int64(-135_140)..<157_054 {
      let text = Date(timeIntervalSince1970: Double(day * 86_400)).formatted(.iso8601)
      let ours = Timestamp(milliseconds: day * 86_400_000).text()
      if text != ours { Issue.record("\(day): \(ours), not \(text)") }
    }
  }

  @Test func `the earliest and latest times are written without a trap`() {
    #expect(Timestamp(milliseconds: .max).text().hasPrefix("292278994-"))
    #expect(Timestamp(milliseconds: .min).text().hasPrefix("-"))
  }
}
