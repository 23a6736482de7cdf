/// Why telemetry was dropped.
package enum TelemetryDropCause: String, Hashable, Sendable, CaseIterable {
  /// Rows came faster than they could be written.
  case bufferFull = "buffer full"
  /// Another process kept the file locked.
  case locked
  /// The disk is full, or the file has reached its size bound before old rows were removed.
  case diskFull = "disk full"
  /// The disk refused a read or a write.
  case inputOutput = "I/O error"
  /// The file is not a readable database.
  case damaged
  /// The process ended before they were written.
  case killed
  /// Another error of SQLite.
  case failed
}

/// How much telemetry there was since the process started, and what became of it. The rows that were lost with earlier
/// processes are included, as accepted and as dropped, so that always accepted = written + dropped + waiting.
package struct TelemetryCounters: Hashable, Sendable {
  /// The last failed write.
  package struct Failure: Hashable, Sendable {
    /// SQLite's message.
    package let message: String
    /// Nanoseconds since 1970.
    package let time: Int64

    package init(message: String, time: Int64) {
      self.message = message
      self.time = time
    }
  }

  /// All rows that were added, including those that were dropped.
  package var accepted: [TelemetryTable: Int] = [:]
  /// Rows in the file. A metric that only extended the row before it counts as well.
  package var written: [TelemetryTable: Int] = [:]
  /// Rows that got lost, by table and cause.
  package var dropped: [TelemetryTable: [TelemetryDropCause: Int]] = [:]
  /// Rows in the buffer or being written.
  package var waiting = 0
  /// Nil if every write succeeded.
  package var lastFailure: Failure?

  package init() {}

  /// The dropped rows of all tables and causes.
  package var allDropped: Int { dropped.values.reduce(0) { $0 + $1.values.reduce(0, +) } }

  mutating func drop(_ count: Int, of table: TelemetryTable, _ cause: TelemetryDropCause) {
    guard count > 0 else { return }
    dropped[table, default: [:]][cause, default: 0] += count
  }
}

/// Dropped rows of one table for one cause.
struct TelemetryDrop: Hashable, Sendable {
  let table: TelemetryTable
  let cause: TelemetryDropCause
}
