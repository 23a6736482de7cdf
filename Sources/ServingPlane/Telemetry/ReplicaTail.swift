import Endpoints
import Telemetry

/// How far the output of one replica has been read.
actor ReplicaTail {
  private let backend: any ReplicaBackend
  private let store: TelemetryStore
  private let findSecrets: @Sendable () async -> Redaction
  private let now: @Sendable () -> Int64
  private let zone: @Sendable (_ time: Int64) -> Int64
  /// One read at a time: two from the same position would add the same lines.
  private let turns = ChangeQueue()
  private var position: LogPosition?
  /// Whether the store was asked for the position.
  private var isLocated = false
  /// The secrets as they were when the first line was read, which is near the replica's start: it got those of then.
  private var secrets: Redaction?
  private var traceback: OutputLine.Severity?

  /// The longest line in a row, in bytes.
  private static let longest = 64 << 10
  /// The number of rows that the store has to write from which lines are left in their file.
  private static let backlog = 5000

  init(
    backend: any ReplicaBackend, store: TelemetryStore, findSecrets: @escaping @Sendable () async -> Redaction,
    now: @escaping @Sendable () -> Int64, zone: @escaping @Sendable (_ time: Int64) -> Int64
  ) {
    self.backend = backend
    self.store = store
    self.findSecrets = findSecrets
    self.now = now
    self.zone = zone
  }

  /// Reads what is new.
  ///
  /// - Parameters:
  ///   - reads: the maximum number of reads.
  ///   - mayWait: whether lines may stay where they are while the store has enough to write.
  /// - Returns: whether nothing new is left.
  @discardableResult
  func read(_ replica: CollectedReplica, reads: Int, mayWait: Bool) async -> Bool {
    await turns.run {
      if !isLocated { position = await store.position(ofLog: replica.id) }
      isLocated = true
      for _ in 0..<reads {
        if mayWait, store.counters.waiting > Self.backlog { return false }
        guard let output = await backend.newOutput(of: replica.record, after: position) else { return true }
        let added = await rows(output.lines, replica.resource)
        store.add(added, of: replica.id, upTo: output.position)
        position = output.position
        guard output.hasMore else { return true }
      }
      return false
    }
  }

  private func rows(_ lines: [String], _ resource: TelemetryResource) async -> [LogRow] {
    guard !lines.isEmpty else { return [] }
    let redaction = if let secrets { secrets } else { await findSecrets() }
    secrets = redaction
    let observed = now()
    let offset = zone(observed)
    // Dozens of comparisons for each line: not on the threads that all requests share.
    let read = await BlockingWork.brief.run {
      lines.map { line in
        OutputLine(Self.cut(redaction.applied(to: line)), observed: observed, zone: offset)
      }
    }
    return read.compactMap { line -> LogRow? in
      guard !line.body.isEmpty else { return nil }
      let level = severity(of: line)
      return LogRow(
        observedTime: observed, time: line.time, severityNumber: level.number, severityText: level.text,
        body: line.body, resource: resource)
    }
  }

  /// The lines of a traceback are as severe as its first one. It ends with the first line that is not indented.
  private func severity(of line: OutputLine) -> OutputLine.Severity {
    if line.beginsTraceback {
      traceback = line.severity.number == 0 ? OutputLine.Severity(number: 17) : line.severity
      return traceback ?? line.severity
    }
    guard line.isContinuation, let current = traceback else {
      traceback = nil
      return line.severity
    }
    if line.body.first != " " { traceback = nil }
    return current
  }

  private static func cut(_ line: String) -> String {
    line.utf8.count > longest ? String(decoding: line.utf8.prefix(longest), as: UTF8.self) : line
  }
}
