/// Durations as manifests write them: hours, minutes and seconds in this order, such as `90s`, `60m` or `1h30m`.
package enum DurationText {
  static let expectation = "a duration such as 90s, 60m or 1h30m"

  /// The longest that a manifest may ask for: a thousand hours.
  private static let longest = 3_600_000

  /// The duration, or nil when the text is none, is zero or is absurdly long.
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
