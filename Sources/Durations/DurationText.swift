/// The form of durations in manifests, on the command line and in messages: days, hours, minutes and seconds in this
/// order, such as `90s`, `60m`, `1h30m` or `2d`. Users write whole seconds; messages may show fractions, such as `0.25s`.
package enum DurationText {
  /// What a message says if a text is not a duration.
  package static let expectation = "a duration such as 90s, 60m or 1h30m"

  /// The maximum duration in a manifest: a thousand hours.
  private static let longest: Int64 = 3_600_000

  private static let units: [(letter: Character, seconds: Int64)] = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]

  /// Returns the duration in seconds; nil if the text is not a duration or is too long to count.
  package static func seconds(_ text: String) -> Int64? {
    var total: Int64 = 0
    var digits = ""
    var units = Self.units[...]
    for character in text {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      guard let number = Int64(digits), let index = units.firstIndex(where: { $0.letter == character }),
        case (let part, false) = number.multipliedReportingOverflow(by: units[index].seconds),
        case (let sum, false) = total.addingReportingOverflow(part)
      else { return nil }
      total = sum
      digits = ""
      units = units[(index + 1)...]
    }
    return digits.isEmpty && !text.isEmpty ? total : nil
  }

  /// Returns the shortest text that ``seconds(_:)`` reads as this duration, such as `1h30m`.
  package static func text(seconds: Int64) -> String {
    var rest = max(0, seconds)
    var text = ""
    for unit in units where rest >= unit.seconds {
      text += "\(rest / unit.seconds)\(unit.letter)"
      rest %= unit.seconds
    }
    return text.isEmpty ? "0s" : text
  }

  /// Returns the shortest text for a duration, to the millisecond; `0s` for negative ones.
  package static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    guard seconds >= 0, milliseconds > 0 else { return text(seconds: seconds) }
    var digits = String(1000 + milliseconds).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    let rest = seconds % 60
    return (rest < seconds ? text(seconds: seconds - rest) : "") + "\(rest).\(digits)s"
  }

  /// Returns the duration of a manifest; nil if the text is not a duration, is zero or is too long.
  package static func read(_ text: String) -> Duration? {
    guard let seconds = seconds(text), (1...longest).contains(seconds) else { return nil }
    return .seconds(seconds)
  }
}
