/// Reads durations in manifests: hours, minutes and seconds in this order, such as `90s`, `60m` or `1h30m`.
package enum DurationText {
  static let expectation = "a duration such as 90s, 60m or 1h30m"

  /// The maximum duration: a thousand hours.
  private static let longest = 3_600_000

  /// Returns the duration; nil if the text is not a duration, is zero or is too long.
  package static func read(_ text: String) -> Duration? {
    var seconds = 0
    var number: Int?
    var units = [("h", 3600), ("m", 60), ("s", 1)][...]
    for character in text {
      if character.isASCII, let digit = character.wholeNumberValue {
        number = (number ?? 0) * 10 + digit
        if number ?? 0 > longest { return nil }
      } else {
        guard let count = number, let unit = units.firstIndex(where: { $0.0 == String(character) }) else { return nil }
        seconds += count * units[unit].1
        units = units[(unit + 1)...]
        number = nil
      }
    }
    return number == nil && seconds > 0 && seconds <= longest ? .seconds(seconds) : nil
  }
}
