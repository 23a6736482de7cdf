internal import EventFlags
internal import Synchronization

extension TelemetryStore {
  /// How long rows are collected before they are written together.
  private static let pause: Duration = .milliseconds(250)
  /// How often rows that are too old are looked for.
  private static let pruningInterval: Duration = .seconds(60)
  /// Nanoseconds.
  private static let minute: Int64 = 60_000_000_000

  /// Writes batches and removes old rows until the task is canceled; then writes what is left. Never fails. Without rows,
  /// nothing happens but the look for old ones.
  package func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask {
        while !Task.isCancelled {
          await self.prune()
          self.reportDrops()
          try? await Task.sleep(for: Self.pruningInterval)
        }
      }
      while !Task.isCancelled {
        buffer.work.clear()
        if !buffer.hasWork { await buffer.work.wait() }
        // Ends early when the task is canceled.
        try? await Task.sleep(for: Self.pause)
        await writeWaiting()
        reportDrops()
      }
    }
    await writer.writeAll()
  }

  /// Says how many rows were dropped, at most once a minute.
  private func reportDrops() {
    let (counters, time) = (self.counters, now())
    let words = reported.withLock { reported -> String? in
      guard counters.allDropped > reported.dropped, time - reported.time >= Self.minute || time < reported.time else {
        return nil
      }
      defer { reported = (time, counters.allDropped) }
      return Self.words(counters, since: reported.dropped)
    }
    if let words { report(words) }
  }

  /// Removes the rows that are too old, or too many for the size bound.
  package func prune() async {
    let pruner = self.pruner
    let now = self.now
    while !Task.isCancelled {
      // What fails is tried again a minute later.
      let mayContinue = await writer.perform { (try? pruner.step($0, now: now() / 1_000_000)) ?? false }
      guard mayContinue else { return }
      await writeWaiting()
    }
  }

  private func writeWaiting() async {
    while buffer.hasWork, !Task.isCancelled {
      guard await writer.writeBatch() == .written else { return }
    }
  }

  private static func words(_ counters: TelemetryCounters, since before: Int) -> String {
    let tables = TelemetryTable.allCases.compactMap { table -> String? in
      guard let causes = counters.dropped[table] else { return nil }
      let parts = causes.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue): \($0.value)" }
      return "\(table.rawValue) (\(parts.joined(separator: ", ")))"
    }
    let failure = counters.lastFailure.map { "; the last write failed: \($0.message)" } ?? ""
    return "\(counters.allDropped - before) telemetry rows were dropped; since the start: "
      + tables.joined(separator: ", ") + failure
  }
}
