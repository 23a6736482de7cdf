internal import Endpoints
package import LibCurl

/// How long a server asks clients to wait: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
package enum RetryAfter {
  /// Returns nil if the header is missing or invalid. For a date in the past, the wait is zero.
  ///
  /// - Parameter now: the time by this machine's clock, for responses without a `Date`. A date is the server's, so the
  ///   wait is calculated from the server's `Date` if there is one: the two clocks may differ.
  package static func duration(_ headers: HTTPHeaders, secondsSince1970 now: Int64) -> Duration? {
    guard let text = headers["Retry-After"] else { return nil }
    if let seconds = Int64(text) { return seconds >= 0 ? .seconds(min(seconds, longest)) : nil }
    guard let date = HTTPDate.secondsSince1970(text) else { return nil }
    let now = headers["Date"].flatMap(HTTPDate.secondsSince1970) ?? now
    return .seconds(min(max(0, date - now), longest))
  }

  /// One day. Nothing waits that long; it keeps absurd numbers out of the arithmetic.
  private static let longest: Int64 = 86_400
}

/// The dates of HTTP headers (RFC 9110, section 5.6.7), in the format that servers send.
enum HTTPDate {
  /// Parses `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else. The two formats that have been obsolete since 1999
  /// are not supported: no server of this API sends them.
  static func secondsSince1970(_ text: String) -> Int64? {
    let words = text.split(separator: " ")
    guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT", let day = Int64(words[1]),
      let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]), (1...31).contains(day),
      (1970...9999).contains(year)
    else { return nil }
    let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
    guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
      (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    let date = GregorianDate(year: year, month: Int64(month + 1), day: day)
    return date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
