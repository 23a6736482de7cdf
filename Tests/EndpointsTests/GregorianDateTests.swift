import Endpoints
import Testing

@Suite struct GregorianDateTests {
  @Test(arguments: [
    (0, 1970, 1, 1), (-1, 1969, 12, 31), (59, 1970, 3, 1), (11_016, 2000, 2, 29), (11_017, 2000, 3, 1),
    (19_782, 2024, 2, 29), (20_787, 2026, 11, 30), (-719_468, 0, 3, 1), (-719_528, 0, 1, 1), (2_932_896, 9999, 12, 31),
    (-25_508, 1900, 3, 1), (-25_509, 1900, 2, 28),
  ])
  func `a day since 1970 is this date, and the date is this day`(days: Int64, year: Int64, month: Int64, day: Int64) {
    let date = GregorianDate(year: year, month: month, day: day)
    #expect(GregorianDate(daysSince1970: days) == date)
    #expect(date.daysSince1970 == days)
  }

  @Test func `every day of eight hundred years reads back, one after the other`() {
    for days in Int64(-200_000)..<100_000 where GregorianDate(daysSince1970: days).daysSince1970 != days {
      Issue.record("day \(days)")
    }
  }

  @Test func `a floored remainder is never negative, at the ends of the range too`() {
    #expect((-1 as Int64).flooredQuotient(by: 60) == -1 && (-1 as Int64).flooredRemainder(by: 60) == 59)
    #expect(Int64.min.flooredRemainder(by: 86_400_000) >= 0 && Int64.max.flooredRemainder(by: 86_400_000) >= 0)
    #expect((120 as Int64).flooredQuotient(by: 60) == 2 && (120 as Int64).flooredRemainder(by: 60) == 0)
  }
}
