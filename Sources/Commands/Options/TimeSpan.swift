internal import ArgumentParser

/// A duration as users write it: `90s`, `30m`, `2h`, `1h30m`; a bare number is seconds.
struct TimeSpan: ExpressibleByArgument, Hashable, Sendable {
  let seconds: Int64

  init(seconds: Int64) { self.seconds = seconds }

  init?(argument: String) {
    if let seconds = Int64(argument), seconds >= 0 {
      self.seconds = seconds
      return
    }
    var total: Int64 = 0
    var digits = ""
    for character in argument {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      guard let factor = Self.units[character], let number = Int64(digits),
        case (let part, false) = number.multipliedReportingOverflow(by: factor),
        case (let sum, false) = total.addingReportingOverflow(part)
      else { return nil }
      total = sum
      digits = ""
    }
    guard digits.isEmpty, !argument.isEmpty else { return nil }
    seconds = total
  }

  private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

  var defaultValueDescription: String { TimeText.span(seconds: seconds) }
  var duration: Duration { .seconds(seconds) }
}
