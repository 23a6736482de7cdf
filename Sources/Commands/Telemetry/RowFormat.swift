internal import ArgumentParser

/// The `-o` values of commands that print rows of telemetry.
enum RowFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case table
  case json
  case csv
}
