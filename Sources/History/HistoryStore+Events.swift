internal import GRDB
package import Planning

extension HistoryStore {
  /// Notes an event of an endpoint that no change of memory brings with it.
  package func note(_ event: HistoryEvent, of key: EndpointKey) async throws(HistoryError) {
    let (redaction, cache) = (self.key, cache)
    try await write { database in
      if let row = try EndpointRow.find(key, database) { return try row.append(event, database) }
      cache.forget(key)
      try EndpointRow.save(Memory(), former: .nothing, key, at: event.at, redaction, database).append(event, database)
    }
  }

  /// Notes an event of a whole fleet: a source that cannot be read, a deletion of many that was stopped, a lost lease.
  package func note(_ event: HistoryEvent, fleet: String, host: String) async throws(HistoryError) {
    try await write { database in
      try FleetRow.made(FleetKey(host: host, name: fleet), database).append(event, database)
    }
  }

  /// The newest events of an endpoint, oldest first.
  package func events(of key: EndpointKey, newest count: Int = 50) async throws(HistoryError) -> [HistoryEvent] {
    try await read { database in
      guard let row = try EndpointRow.find(key, database) else { return [] }
      return try row.events(newest: count, database)
    }
  }

  /// Events of endpoints and of whole fleets, oldest first.
  ///
  /// - Parameters:
  ///   - host: only those at this provider; nil: all.
  ///   - fleet: only those of this fleet: its own, and its endpoints' as far as a controller has said that they are its.
  ///   - names: only those of endpoints of these names; empty: all, and whole fleets' too.
  ///   - since: only those from this moment on.
  ///   - after: only those noted after the one with this id, for following; nil: the newest.
  ///   - limit: so many at most: with `after` the first of them, else the last.
  package func events(
    host: String? = nil, fleet: String? = nil, names: [String] = [], since: Timestamp? = nil, after id: Int64? = nil,
    limit: Int = 100
  ) async throws(HistoryError) -> [RecordedEvent] {
    try await read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT event.*, endpoint.name AS name, ifnull(endpoint.host, fleet.host) AS host,
            ifnull(endpoint.fleet, fleet.name) AS fleet_name
          FROM event
          LEFT JOIN endpoint ON endpoint.id = event.endpoint
          LEFT JOIN fleet ON fleet.id = event.fleet
          WHERE (:after IS NULL OR event.id > :after) AND (:since IS NULL OR event.at >= :since)
            AND (:host IS NULL OR ifnull(endpoint.host, fleet.host) = :host)
            AND (:fleet IS NULL OR ifnull(endpoint.fleet, fleet.name) = :fleet)
            AND (:names IS NULL OR event.endpoint IN (
              SELECT id FROM endpoint WHERE name IN (SELECT value FROM json_each(:names))))
          ORDER BY event.id \(id == nil ? "DESC" : "ASC") LIMIT :limit
          """,
        arguments: [
          "after": id, "since": since?.milliseconds, "host": host, "fleet": fleet, "names": StoredList.text(names),
          "limit": limit,
        ])
      let events = rows.map(RecordedEvent.init)
      return id == nil ? events.reversed() : events
    }
  }
}

/// An event with its place in the history.
package struct RecordedEvent: Hashable, Sendable {
  /// Counts up over all events of a state directory.
  package let id: Int64
  /// The provider's address.
  package let host: String
  /// Nil where it is the whole fleet's.
  package let endpoint: String?
  /// Nil where no controller has said whose the endpoint is.
  package let fleet: String?
  package let event: HistoryEvent

  package init(id: Int64, host: String, endpoint: String?, fleet: String?, event: HistoryEvent) {
    self.id = id
    self.host = host
    self.endpoint = endpoint
    self.fleet = fleet
    self.event = event
  }

  fileprivate init(_ row: Row) {
    self.init(
      id: row["id"], host: row["host"], endpoint: row["name"], fleet: row["fleet_name"], event: HistoryEvent(row))
  }
}

extension HistoryEvent {
  init(_ row: Row) {
    self.init(
      at: Timestamp(milliseconds: row["at"]), what: row["what"], why: row["why"], sourceCommit: row["source_commit"])
  }
}
