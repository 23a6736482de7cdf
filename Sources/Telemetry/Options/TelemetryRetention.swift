internal import Durations

/// How long telemetry is kept, by table.
package struct TelemetryRetention: Hashable, Sendable {
  /// For messages and help texts.
  package static let expectation = "a list such as requests=30d,logs=7d,metrics=30d,spans=3d,payloads=7d"

  /// What applies if nothing else is set: 30 days of requests and metrics, 7 of logs and payloads, 3 of spans.
  package static let standard = TelemetryRetention()

  private static let longest: Int64 = 3650 * 86400

  private var seconds: [TelemetryTable: Int64] = [
    .requests: 30 * 86400, .logs: 7 * 86400, .metrics: 30 * 86400, .spans: 3 * 86400, .payloads: 7 * 86400,
  ]

  private init() {}

  /// Reads the form of the option: tables with durations, such as `requests=30d,logs=12h`. The tables that it does not
  /// name keep the standard.
  package init(_ text: String) throws(TelemetryOptionError) {
    var named: Set<TelemetryTable> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
      guard sides.count == 2 else {
        throw TelemetryOptionError(
          message: "\"\(Self.trimmed(part))\" is not a table with a duration", next: Self.advice)
      }
      guard let table = TelemetryTable(rawValue: sides[0]) else {
        throw TelemetryOptionError(
          message: "\"\(sides[0])\" is not a telemetry table",
          next: "use " + TelemetryTable.allCases.map(\.rawValue).joined(separator: ", "))
      }
      guard named.insert(table).inserted else {
        throw TelemetryOptionError(message: "\"\(table.rawValue)\" is set twice", next: "set it once")
      }
      guard let value = DurationText.seconds(sides[1]) else {
        throw TelemetryOptionError(
          message: "\"\(sides[1])\" is not a valid duration for \"\(table.rawValue)\"", next: "use 30d, 12h or 90m")
      }
      guard (1...Self.longest).contains(value) else {
        throw TelemetryOptionError(
          message: "\"\(sides[1])\" is not a valid duration for \"\(table.rawValue)\"",
          next: "use one between 1s and 3650d")
      }
      seconds[table] = value
    }
  }

  /// How long the rows of a table are kept; whole seconds.
  package subscript(table: TelemetryTable) -> Duration {
    get { .seconds(seconds[table] ?? 0) }
    set { seconds[table] = newValue.components.seconds }
  }

  /// The text that ``init(_:)`` reads as this value.
  package var text: String {
    TelemetryTable.allCases.map { "\($0.rawValue)=\(DurationText.text(seconds: seconds[$0] ?? 0))" }
      .joined(separator: ",")
  }

  private static let advice = "use \(expectation)"

  private static func trimmed(_ text: Substring) -> String {
    text.split(separator: " ").joined(separator: " ")
  }
}

/// An option of telemetry that cannot be read.
package struct TelemetryOptionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with it.
  package let message: String
  /// What to do next.
  package let next: String

  package var description: String { "\(message); \(next)" }
}
