internal import Endpoints
package import Planning

extension Timestamp {
  /// RFC 3339 in UTC, with milliseconds if there are any, so that nothing is lost.
  package var exactText: String { text(withMilliseconds: milliseconds % 1000 != 0) }

  /// Parses the output of ``exactText``, for years 0 to 9999; nil for anything else.
  package init?(exactText text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 20 || bytes.count == 24 else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      bytes[range].allSatisfy { (0x30...0x39).contains($0) }
        ? Int64(String(decoding: bytes[range], as: UTF8.self)) : nil
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
      let minute = number(14..<16), let second = number(17..<19),
      let fraction = bytes.count == 24 ? number(20..<23) : 0, (1...12).contains(month)
    else { return nil }
    let days = GregorianDate(year: year, month: month, day: day).daysSince1970
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    self.init(milliseconds: seconds * 1000 + fraction)
    // A wrong separator, 31 June or hour 25 is not formatted in the same way.
    guard self.text(withMilliseconds: bytes.count == 24) == text else { return nil }
  }
}
