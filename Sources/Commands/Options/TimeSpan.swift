internal import ArgumentParser
internal import Durations

/// A duration as an option's value, in the form of ``DurationText``; a bare number is seconds.
struct TimeSpan: ExpressibleByArgument, Hashable, Sendable {
  let seconds: Int64

  init(seconds: Int64) { self.seconds = seconds }

  init?(argument: String) {
    guard let seconds = DurationText.seconds(argument) ?? Int64(argument), seconds >= 0 else { return nil }
    self.seconds = seconds
  }

  var defaultValueDescription: String { DurationText.text(seconds: seconds) }
  var duration: Duration { .seconds(seconds) }
}
