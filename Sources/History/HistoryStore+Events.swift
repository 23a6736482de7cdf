internal import GRDB
package import Planning

extension HistoryStore {
  /// Notes an event of an endpoint that no change of memory brings with it.
  ///
  /// - Parameter fleet: whose the endpoint is; nil: as it was recorded before.
  package func note(
    _ event: HistoryEvent, of key: EndpointKey, fleet: String? = nil
  ) async throws(HistoryError) {
    let (redaction, cache) = (self.key, cache)
    try await write { database in
      let row: EndpointRow
      if let known = try EndpointRow.find(key, database) {
        row = known
      } else {
        cache.forget(key)
        row = try EndpointRow.save(Memory(), former: .nothing, key, at: event.at, redaction, database)
      }
      try row.belongs(to: fleet, database)
      try row.append(event, database)
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
  ///   - fleet: only those of this fleet: its own, and its endpoints' as far as a controller or a command that acts for it has said
  ///     that they are its.
  ///   - names: only those of endpoints of these names; empty: all, and whole fleets' too.
  ///   - since: only those from this moment on.
  ///   - after: only those noted after the one with this id, for following; nil: the newest.
  ///   - limit: so many at most: with `after` the first of them, else the last.
  package func events(
    host: String? = nil, fleet: String? = nil, names: [String] = [], since: Timestamp? = nil, after id: Int64? = nil,
    limit: Int = 100
  ) async throws(HistoryError) -> [RecordedEvent] {
    let query = EventQuery(host: host, fleet: fleet, names: names, since: since, after: id, limit: limit)
    return try await read { database in
      try Row.fetchAll(database, sql: query.sql, arguments: query.arguments).map(RecordedEvent.init)
        .sorted { $0.id < $1.id }
    }
  }
}

/// A question for events. Only the conditions that are asked for stand in it, so that each finds its index.
struct EventQuery {
  let sql: String
  let arguments: StatementArguments

  init(host: String?, fleet: String?, names: [String], since: Timestamp?, after id: Int64?, limit: Int) {
    var conditions: [String] = []
    var arguments: [String: (any DatabaseValueConvertible)?] = ["limit": limit]
    func require(_ condition: String, _ name: String, _ value: (any DatabaseValueConvertible)?) {
      guard let value else { return }
      conditions.append(condition)
      arguments[name] = value
    }
    require("event.id > :after", "after", id)
    require("event.at >= :since", "since", since?.milliseconds)
    require("ifnull(endpoint.host, fleet.host) = :host", "host", host)
    require("ifnull(endpoint.fleet, fleet.name) = :fleet", "fleet", fleet)
    require(
      "event.endpoint IN (SELECT id FROM endpoint WHERE name IN (SELECT value FROM json_each(:names)))", "names",
      StoredList.text(names))
    // The order is the one in which the condition's index has them.
    let order =
      switch (id, since) {
      case (.some, _): "event.id ASC"
      case (nil, .some): "event.at DESC, event.id DESC"
      case (nil, nil): "event.id DESC"
      }
    sql = """
      SELECT event.id AS id, event.at AS at, event.what AS what, event.why AS why, event.source_commit AS source_commit,
        endpoint.name AS name, ifnull(endpoint.host, fleet.host) AS host,
        ifnull(endpoint.fleet, fleet.name) AS fleet_name
      FROM event
      LEFT JOIN endpoint ON endpoint.id = event.endpoint
      LEFT JOIN fleet ON fleet.id = event.fleet
      \(conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND "))
      ORDER BY \(order) LIMIT :limit
      """
    self.arguments = StatementArguments(arguments)
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
  /// Nil where nobody has said whose the endpoint is.
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
