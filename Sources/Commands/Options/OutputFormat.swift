internal import ArgumentParser

/// The `-o` values of commands that print a plan or an outcome.
enum PlanFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case text
  case json
}

/// The `-o` values of commands that print lists.
enum ListFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case table
  case wide
  case json
  case yaml
}

extension NameSpecification {
  /// `-o json`, `-ojson` or `--output json`.
  static let outputFormat: NameSpecification = [.customShort("o", allowingJoined: true), .customLong("output")]
}
