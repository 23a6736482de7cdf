internal import GRDB
internal import Planning

/// What an event in the table `event` is of: the column in which that row's id stands.
enum EventOwner: String {
  case endpoint, fleet

  /// How many events of one endpoint, and of one fleet, are kept; of old ones only so many.
  private static let limit = 1000
  private static let limitOfOld = 100

  /// Appends an event, and lets go of the oldest where there are too many of the same owner, or too many old ones.
  ///
  /// - Parameter id: of the row whose event it is.
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
