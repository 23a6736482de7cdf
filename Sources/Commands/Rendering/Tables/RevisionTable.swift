internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning
internal import Storage

/// The table of revisions in `history` and `describe`.
enum RevisionTable {
  static func table(_ recorded: RecordedMemory) -> Table {
    var table = Table(["REVISION", "MODEL", "DIGEST", "OUTCOME", "RECORDED", "COMMIT", "NOTE"])
    for revision in recorded.memory.revisions {
      table.append([
        Table.Cell(String(revision.number)), Table.Cell(recorded.modelText(of: revision) ?? "-"),
        Table.Cell("\(revision.digest)"), Table.Cell(revision.outcome.word, revision.outcome.style),
        Table.Cell(TimeText.instant(revision.recordedAt.milliseconds)),
        Table.Cell(revision.sourceCommit.map { String($0.prefix(12)) } ?? "-"),
        Table.Cell(note(revision, recorded)),
      ])
    }
    return table
  }

  private static func note(_ revision: Revision, _ recorded: RecordedMemory) -> String {
    var notes: [String] = []
    if recorded.memory.lastGood?.number == revision.number { notes.append("last good") }
    if let attempt = recorded.memory.attempt, attempt.revision == revision.number {
      notes.append(
        attempt.refusal.map { "\($0.mayHaveArrived ? "not confirmed" : "not accepted"): \($0.message)" }
          ?? "in progress")
    }
    if let message = revision.outcome.message { notes.append(message) }
    if let lost = recorded.lostConfigs[revision.number] { notes.append(lost.message) }
    return shortened(notes.joined(separator: "; "))
  }

  /// A table is for finding a revision; its events tell the whole story.
  private static func shortened(_ note: String) -> String { note.count <= 100 ? note : "\(note.prefix(99))…" }

  static func json(_ revision: Revision, _ recorded: RecordedMemory) -> JSONValue {
    var members: [String: JSONValue] = [
      "revision": .int(Int64(revision.number)), "digest": .string(revision.digest.hex),
      "outcome": .string(revision.outcome.word),
      "recordedAt": .string(TimeText.instant(revision.recordedAt.milliseconds)),
      "lastGood": .bool(recorded.memory.lastGood?.number == revision.number),
    ]
    if let outline = recorded.outline(of: revision) { members["model"] = .string(outline.modelText) }
    if !revision.aliases.isEmpty {
      members["aliases"] = .array(
        revision.aliases.map {
          ["model": .string($0.model), "alias": .string($0.alias), "version": .string($0.version)]
        })
    }
    if let message = revision.outcome.message { members["message"] = .string(message) }
    if let commit = revision.sourceCommit { members["commit"] = .string(commit) }
    if case .failed(let cause, _) = revision.outcome { members["cause"] = .string(cause.rawValue) }
    return .object(members)
  }
}

extension RecordedMemory {
  /// Returns `main.support.qwen3/7`, with the alias that the manifest used.
  func modelText(of revision: Revision) -> String? {
    outline(of: revision)?.modelText { entity in
      revision.aliases.first { $0.model == entity.entityName && $0.version == entity.entityVersion }?.alias
    }
  }
}

extension RevisionOutcome {
  fileprivate var style: TextStyle? {
    switch self {
    case .good, .found: .good
    case .failed, .refused: .failed
    case .canceled: .warning
    case .pending: .changed
    case .superseded, .unsent: .muted
    }
  }
}

/// The table of events in `history --events` and `describe`.
enum EventTable {
  static func table(_ events: [HistoryEvent]) -> Table {
    var table = Table(["TIME", "EVENT", "COMMIT", "WHY"])
    for event in events {
      let lines = event.why.split(whereSeparator: \.isNewline).count
      let why = event.isLogTail ? "(\(lines) \(lines == 1 ? "line" : "lines"))" : event.why
      table.append([
        Table.Cell(TimeText.instant(event.at.milliseconds)), Table.Cell(event.what),
        Table.Cell(event.sourceCommit.map(StatusText.short) ?? "-"), Table.Cell(why),
      ])
    }
    return table
  }

  static func json(_ event: HistoryEvent) -> JSONValue {
    var members: [String: JSONValue] = [
      "at": .string(TimeText.instant(event.at.milliseconds)), "what": .string(event.what), "why": .string(event.why),
    ]
    if let commit = event.sourceCommit { members["commit"] = .string(commit) }
    return .object(members)
  }
}
