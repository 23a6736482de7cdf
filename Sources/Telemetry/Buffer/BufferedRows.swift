/// What waits in the buffer.
enum BufferedRows: Sendable {
  case row(TelemetryRow)
  /// The lines of a replica's log up to a position, which is recorded with them.
  case lines([LogRow], replica: String, position: LogPosition)

  var table: TelemetryTable {
    switch self {
    case .row(let row): row.table
    case .lines: .logs
    }
  }

  var count: Int {
    switch self {
    case .row(let row): row.count
    case .lines(let rows, _, _): rows.count
    }
  }

  /// Whether the rows are gone with the process. Lines with a position are read again by the next one.
  var isLostWithProcess: Bool { if case .row = self { true } else { false } }

  /// About how much memory it takes, in bytes.
  var size: Int {
    switch self {
    case .row(let row): row.size
    case .lines(let rows, _, _): rows.reduce(256) { $0 + $1.size }
    }
  }
}

extension TelemetryRow {
  fileprivate var size: Int {
    switch self {
    case .request(let row): row.size
    case .trace(let trace): 256 + trace.request.size
    case .log(let row): row.size
    case .metric(let row):
      512 + row.description.utf8.count + row.value.size
        + row.attributes.reduce(0) { $0 + 64 + $1.key.utf8.count + $1.value.utf8.count }
    case .span(let row): 512 + 128 * row.attributes.count + (row.error?.utf8.count ?? 0)
    case .payload(let row): 256 + row.request.utf8.count + row.response.utf8.count
    }
  }
}

extension RequestRow {
  fileprivate var size: Int {
    512 + (error?.utf8.count ?? 0) + metadata.reduce(0) { $0 + 64 + $1.key.utf8.count + $1.value.utf8.count }
  }
}

extension LogRow { fileprivate var size: Int { 384 + body.utf8.count } }

extension MetricRow.Value {
  fileprivate var size: Int {
    switch self {
    case .gauge, .sum: 0
    case .histogram(_, _, let bounds, let counts): 8 * (bounds.count + counts.count)
    }
  }
}
