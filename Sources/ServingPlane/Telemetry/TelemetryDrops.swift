import Telemetry

/// What the plane's log says about dropped telemetry: only what is new, and at most once in an interval. Pure.
struct TelemetryDrops {
  static let interval: Duration = .seconds(60)

  /// A report for the log.
  struct Report: Hashable {
    /// Such as `logs=12, requests=3`.
    let rows: String
    /// Such as `disk full: database or disk is full`.
    let why: String
  }

  private var reported: [TelemetryTable: [TelemetryDropCause: Int]] = [:]

  init() {}

  /// Returns what was dropped since the last call; nil if nothing was. To be called once in an ``interval``.
  mutating func report(_ counters: TelemetryCounters) -> Report? {
    var rows: [String] = []
    var causes: Set<TelemetryDropCause> = []
    for table in TelemetryTable.allCases {
      var count = 0
      for (cause, total) in counters.dropped[table] ?? [:] {
        let new = total - (reported[table]?[cause] ?? 0)
        guard new > 0 else { continue }
        count += new
        causes.insert(cause)
      }
      if count > 0 { rows.append("\(table.rawValue)=\(count)") }
    }
    guard !rows.isEmpty else { return nil }
    reported = counters.dropped
    let words = causes.map(\.rawValue).sorted().joined(separator: ", ")
    // A failed write is not why rows did not fit into memory, or were lost with a killed plane.
    let hasFailed = !causes.isSubset(of: [.bufferFull, .killed])
    let failure = hasFailed ? counters.lastFailure.map { ": " + $0.message } : nil
    return Report(rows: rows.joined(separator: ", "), why: words + (failure ?? ""))
  }
}
