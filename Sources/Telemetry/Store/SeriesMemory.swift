/// The last row of each series of metrics, so that a value that does not change takes one row.
struct SeriesMemory: Sendable {
  /// More series than this are written as they come: each takes memory.
  private static let maximum = 50_000

  private struct Key: Hashable {
    let name: String
    let attributes: [String: String]
    let resource: TelemetryResource
  }

  private struct Last {
    let record: Int64
    let startTime: Int64?
    let value: MetricRow.Value
  }

  private var series: [Key: Last] = [:]

  /// The row of the same value of the same series; nil if it has changed or is not known.
  func unchanged(_ row: MetricRow) -> Int64? {
    guard let last = series[Self.key(row)], last.value == row.value, last.startTime == row.startTime else { return nil }
    return last.record
  }

  mutating func remember(_ row: MetricRow, record: Int64) {
    let key = Self.key(row)
    if series.count >= Self.maximum, series[key] == nil { series.removeAll() }
    series[key] = Last(record: record, startTime: row.startTime, value: row.value)
  }

  /// Begins new rows. Needed when a transaction has failed, because its rows do not exist.
  mutating func forget() { series.removeAll() }

  private static func key(_ row: MetricRow) -> Key {
    Key(name: row.name, attributes: row.attributes, resource: row.resource)
  }
}
