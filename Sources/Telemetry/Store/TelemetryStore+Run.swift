extension TelemetryStore {
  private static let pause: Duration = .milliseconds(250)
  /// Nanoseconds.
  private static let minute: Int64 = 60_000_000_000

  /// Writes batches and removes old rows until the task is canceled; then writes what is left. Never fails.
  package func run() async {
    var lastPruning: Int64?
    var reported: (time: Int64, dropped: Int) = (0, 0)
    while !Task.isCancelled {
      await writeWaiting()
      let time = now()
      if lastPruning.map({ time - $0 >= Self.minute || time < $0 }) ?? true {
        lastPruning = time
        await prune()
      }
      let counters = self.counters
      if counters.allDropped > reported.dropped, time - reported.time >= Self.minute || time < reported.time {
        report(Self.words(counters, since: reported.dropped))
        reported = (time, counters.allDropped)
      }
      // Ends early when the task is canceled.
      try? await Task.sleep(for: Self.pause)
    }
    await writer.writeAll()
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
