import Telemetry

/// The rows of a signal that wait for their export, already in batches: what is sent is taken without a copy of the rest.
/// A value.
struct OTLPBacklog: Sendable {
  private struct Batch: Sendable {
    var rows: [TelemetryRow]
    var count: Int
    var bytes: Int
  }

  private var batches: [Batch] = []
  private(set) var rows = 0
  private(set) var bytes = 0
  /// Whether a batch that was taken is being sent.
  var isSending = false

  mutating func append(_ row: TelemetryRow, _ limits: OTLPExporter.Limits) {
    let size = Self.size(of: row)
    rows += row.count
    bytes += size
    if let last = batches.indices.last, batches[last].count + row.count <= limits.batch,
      batches[last].bytes + size <= limits.batchBytes
    {
      batches[last].rows.append(row)
      batches[last].count += row.count
      batches[last].bytes += size
    } else {
      batches.append(Batch(rows: [row], count: row.count, bytes: size))
    }
  }

  /// Takes the oldest batch out; nil if there is none.
  mutating func takeFirst() -> [TelemetryRow]? {
    guard !batches.isEmpty else { return nil }
    let batch = batches.removeFirst()
    rows -= batch.count
    bytes -= batch.bytes
    isSending = true
    return batch.rows
  }

  /// About how much memory a row takes, and how large it is in a request, in bytes.
  static func size(of row: TelemetryRow) -> Int {
    switch row {
    case .log(let row): 384 + row.body.utf8.count
    case .metric(let row):
      if case .histogram(_, _, _, let counts) = row.value { 768 + 32 * counts.count } else { 768 }
    case .span(let row): 1024 + 64 * row.attributes.count + (row.error?.utf8.count ?? 0)
    case .trace(let trace): 1024 * (trace.spanCount + 1) + (trace.request.error?.utf8.count ?? 0)
    case .request, .payload: 0
    }
  }
}
