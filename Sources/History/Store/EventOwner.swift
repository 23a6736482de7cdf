internal import GRDB
internal import Planning

/// The owner of an event in the table `event`: the column with that row's ID.
enum EventOwner: String {
  case endpoint, fleet

  /// The maximum number of events of one endpoint, and of one fleet; old events have a lower limit.
  private static let limit = 1000
  private static let limitOfOld = 100

  /// Appends an event, and removes the oldest if the same owner has too many, or too many old ones.
  ///
  /// - Parameter id: the owner's row.
  func append(_ event: HistoryEvent, of id: Int64, _ database: Database) throws {
    try database.execute(
      sql: "INSERT INTO event (\(rawValue), at, what, why, source_commit) VALUES (?, ?, ?, ?, ?)",
      arguments: [id, event.at.milliseconds, event.what, event.why, event.sourceCommit])
    try database.execute(
      sql: """
        DELETE FROM event WHERE \(rawValue) = :id AND (
          id <= (SELECT id FROM event WHERE \(rawValue) = :id ORDER BY id DESC LIMIT 1 OFFSET :limit)
          OR at < :old AND id <= (
            SELECT id FROM event WHERE \(rawValue) = :id ORDER BY id DESC LIMIT 1 OFFSET :limitOfOld))
        """,
      arguments: [
        "id": id, "limit": Self.limit, "limitOfOld": Self.limitOfOld,
        "old": RevisionRetention.oldUntil(event.at).milliseconds,
      ])
  }
}
