internal import GRDB
internal import Synchronization

/// Writes the buffer's rows, in one transaction for each batch. A batch that cannot be written is dropped and counted:
/// what comes later may succeed.
final class TelemetryWriter: Sendable {
  enum Outcome: Hashable, Sendable {
    case nothingToDo
    case written
    /// The next batch would most likely fail as well.
    case failed
  }

  private let database: DatabaseQueue
  private let buffer: TelemetryBuffer
  /// Nil if there is no file of counters.
  private let process: String?
  private let now: @Sendable () -> Int64
  /// Only used by the database's own queue, so nobody waits for the lock.
  private let series = Mutex(SeriesMemory())
  /// Of the last failed batch.
  private let cause = Mutex(TelemetryDropCause.failed)

  init(_ database: DatabaseQueue, _ buffer: TelemetryBuffer, process: String?, now: @escaping @Sendable () -> Int64) {
    self.database = database
    self.buffer = buffer
    self.process = process
    self.now = now
  }

  /// Runs work on the database's own thread. A canceled task is not refused, because it still has rows to write.
  func perform<Value: Sendable>(_ work: @escaping @Sendable (Database) -> Value) async -> Value {
    await withCheckedContinuation { waiting in
      database.asyncWriteWithoutTransaction { waiting.resume(returning: work($0)) }
    }
  }

  /// Writes the oldest rows of the buffer.
  func writeBatch() async -> Outcome { await perform { self.writeBatch($0) } }

  /// Writes all rows that were in the buffer at the time of the call. After a failure, the rest is dropped as well,
  /// because each attempt may take as long as a lock is waited for.
  func writeAll() async {
    let target = buffer.progress.added
    // At least once: a batch that another call has taken is complete when this call's turn comes.
    repeat {
      let outcome = await writeBatch()
      if outcome == .failed { break }
      if outcome == .nothingToDo { return }
    } while buffer.progress.taken < target
    while buffer.progress.taken < target {
      let batch = buffer.takeBatch()
      if batch.isEmpty { return }
      guard let failure = buffer.counters.lastFailure else { return }
      buffer.didDrop(batch.counts, cause.withLock { $0 }, failure)
    }
  }

  private func writeBatch(_ database: Database) -> Outcome {
    let drops = buffer.unrecordedDrops
    let batch = buffer.takeBatch()
    if batch.isEmpty, drops.isEmpty { return .nothingToDo }
    let counts = batch.counts
    let time = now()
    do {
      try database.inTransaction {
        try write(batch, drops, time / 1_000_000, database)
        return .commit
      }
      buffer.didWrite(counts, recorded: drops)
      return .written
    } catch {
      series.withLock { $0.forget() }
      let reason = TelemetryDropCause(error)
      cause.withLock { $0 = reason }
      buffer.didDrop(counts, reason, TelemetryCounters.Failure(message: Self.words(error), time: time))
      return .failed
    }
  }

  private func write(
    _ batch: [BufferedRows], _ drops: [TelemetryDrop: Int], _ time: Int64, _ database: Database
  ) throws {
    var summaries = RequestSummaries()
    try series.withLock { series in
      for item in batch {
        switch item {
        case .row(let row):
          try database.insert(row, &series)
          if case .request(let request) = row { summaries.add(request) }
        case .lines(let lines, let replica, let position):
          for line in lines { try database.insert(line) }
          try database.save(position, ofLog: replica, time)
        }
      }
    }
    try summaries.write(to: database)
    for (drop, count) in drops { try database.record(drop, count, time) }
    guard let process else { return }
    var accounted = batch.filter(\.isLostWithProcess).counts
    for (drop, count) in drops { accounted[drop.table, default: 0] += count }
    for (table, count) in accounted { try database.account(for: count, of: table, process) }
  }

  private static func words(_ error: any Error) -> String {
    (error as? DatabaseError).map { $0.message ?? "\($0.resultCode)" } ?? "\(error)"
  }
}

extension TelemetryDropCause {
  /// The cause of a failed transaction.
  fileprivate init(_ error: any Error) {
    guard let error = error as? DatabaseError else {
      self = .failed
      return
    }
    switch error.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked
    case .SQLITE_FULL: self = .diskFull
    case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY: self = .inputOutput
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged
    default: self = .failed
    }
  }
}
