internal import EventFlags
internal import Synchronization

/// The rows that wait to be written, and the count of all rows. Bounded in rows and memory: what does not fit is dropped
/// and counted. No call waits for the disk.
final class TelemetryBuffer: Sendable {
  /// The rows of one transaction, at most.
  static let batch = 1000

  private struct Chunk: Sendable {
    var items: [BufferedRows]
    var rows: Int
  }

  private struct State: Sendable {
    /// All but the last have the size of a batch, or a little more.
    var chunks: [Chunk] = []
    var rows = 0
    var bytes = 0
    /// Items that were ever taken in and taken out.
    var added = 0
    var taken = 0
    var counters = TelemetryCounters()
    /// Drops that the file does not have yet.
    var unrecorded: [TelemetryDrop: Int] = [:]

    var hasWork: Bool { !chunks.isEmpty || !unrecorded.isEmpty }

    mutating func drop(_ count: Int, of table: TelemetryTable, _ cause: TelemetryDropCause) {
      guard count > 0 else { return }
      counters.drop(count, of: table, cause)
      unrecorded[TelemetryDrop(table: table, cause: cause), default: 0] += count
    }
  }

  private let maximumRows: Int
  private let maximumBytes: Int
  private let file: CountersFile?
  private let state: Mutex<State>
  /// Set when there is something to write after there was nothing.
  let work = EventFlag()

  /// - Parameter lost: the rows that were lost with earlier processes. They are already recorded.
  init(maximumRows: Int, maximumBytes: Int, file: CountersFile?, lost: [TelemetryTable: Int]) {
    self.maximumRows = maximumRows
    self.maximumBytes = maximumBytes
    self.file = file
    var state = State()
    for (table, count) in lost {
      state.counters.accepted[table] = count
      state.counters.drop(count, of: table, .killed)
    }
    self.state = Mutex(state)
  }

  func add(_ rows: BufferedRows) {
    let table = rows.table
    let count = rows.count
    let size = rows.size
    let isFirst = state.withLock { state -> Bool in
      let hadWork = state.hasWork
      state.counters.accepted[table, default: 0] += count
      if rows.isLostWithProcess { file?.count(count, of: table) }
      guard state.rows + count <= maximumRows, state.bytes + size <= maximumBytes else {
        state.drop(count, of: table, .bufferFull)
        return !hadWork
      }
      if let last = state.chunks.indices.last, state.chunks[last].rows < Self.batch {
        state.chunks[last].items.append(rows)
        state.chunks[last].rows += count
      } else {
        state.chunks.append(Chunk(items: [rows], rows: count))
      }
      state.rows += count
      state.bytes += size
      state.added += 1
      state.counters.waiting += count
      return !hadWork
    }
    if isFirst { work.set() }
  }

  /// Counts a row that was lost before it could be added.
  func drop(_ table: TelemetryTable, _ cause: TelemetryDropCause) {
    let isFirst = state.withLock { state -> Bool in
      let hadWork = state.hasWork
      state.counters.accepted[table, default: 0] += 1
      file?.count(1, of: table)
      state.drop(1, of: table, cause)
      return !hadWork
    }
    if isFirst { work.set() }
  }

  /// Takes the oldest rows out, to write them; empty if there are none.
  func takeBatch() -> [BufferedRows] {
    let batch = state.withLock { state -> [BufferedRows] in
      guard !state.chunks.isEmpty else { return [] }
      let batch = state.chunks.removeFirst().items
      state.taken += batch.count
      return batch
    }
    let (rows, bytes) = batch.reduce((0, 0)) { ($0.0 + $1.count, $0.1 + $1.size) }
    // They count until here, so that the bound holds.
    state.withLock { state in
      state.rows -= rows
      state.bytes -= bytes
    }
    return batch
  }

  /// How many items were ever added and taken.
  var progress: (added: Int, taken: Int) { state.withLock { ($0.added, $0.taken) } }

  /// Whether there is anything to write.
  var hasWork: Bool { state.withLock { $0.hasWork } }

  var counters: TelemetryCounters { state.withLock { $0.counters } }

  var unrecordedDrops: [TelemetryDrop: Int] { state.withLock { $0.unrecorded } }

  /// Notes that taken rows and drops are in the file.
  func didWrite(_ written: [TelemetryTable: Int], recorded: [TelemetryDrop: Int]) {
    state.withLock { state in
      for (table, count) in written {
        state.counters.written[table, default: 0] += count
        state.counters.waiting -= count
      }
      for (drop, count) in recorded {
        let rest = (state.unrecorded[drop] ?? 0) - count
        state.unrecorded[drop] = rest > 0 ? rest : nil
      }
    }
  }

  /// Notes that taken rows could not be written.
  func didDrop(_ counts: [TelemetryTable: Int], _ cause: TelemetryDropCause, _ failure: TelemetryCounters.Failure) {
    state.withLock { state in
      state.counters.lastFailure = failure
      for (table, count) in counts {
        state.counters.waiting -= count
        state.drop(count, of: table, cause)
      }
    }
  }
}

extension [BufferedRows] {
  /// The number of rows by table.
  var counts: [TelemetryTable: Int] {
    reduce(into: [:]) { counts, rows in counts[rows.table, default: 0] += rows.count }
  }
}
