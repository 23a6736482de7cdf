/// A date of the proleptic Gregorian calendar.
package struct GregorianDate: Hashable, Sendable {
  package let year: Int64
  /// 1 to 12.
  package let month: Int64
  /// 1 to 31.
  package let day: Int64

  package init(year: Int64, month: Int64, day: Int64) {
    self.year = year
    self.month = month
    self.day = day
  }

  // Both conversions count years from March, so that a leap day comes last; 400 such years have 146,097 days, and
  // 1970-01-01 is day 719,468 after 0000-03-01.

  package init(daysSince1970: Int64) {
    let shifted = daysSince1970 + 719_468
    let (era, dayOfEra) = (shifted.flooredQuotient(by: 146_097), shifted.flooredRemainder(by: 146_097))
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
  }

  /// Days since 1970-01-01; negative before.
  package var daysSince1970: Int64 {
    let marchYear = month > 2 ? year : year - 1
    let (era, yearOfEra) = (marchYear.flooredQuotient(by: 400), marchYear.flooredRemainder(by: 400))
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
