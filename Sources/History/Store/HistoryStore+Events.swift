internal import GRDB
package import Planning
package import Storage

extension HistoryStore {
  /// Records an event of an endpoint that is not caused by a change of memory.
  ///
  /// - Parameter fleet: the endpoint's fleet; nil: as previously recorded.
  package func note(
    _ event: HistoryEvent, of key: EndpointKey, fleet: String? = nil
  ) async throws(StorageError) {
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

  /// Records an event of a whole fleet: a source that cannot be read, a withheld mass deletion, a lost lease.
  package func note(_ event: HistoryEvent, fleet: String, host: String) async throws(StorageError) {
    try await write { database in
      try FleetRow.made(FleetKey(host: host, name: fleet), database).append(event, database)
    }
  }

  /// Returns the newest events of an endpoint, oldest first.
  package func events(of key: EndpointKey, newest count: Int = 50) async throws(StorageError) -> [HistoryEvent] {
    try await read { database in
      guard let row = try EndpointRow.find(key, database) else { return [] }
      return try row.events(newest: count, database)
    }
  }

  /// Returns events of endpoints and of whole fleets, oldest first.
  ///
  /// - Parameters:
  ///   - host: only those at this provider; nil: all.
  ///   - fleet: only those of this fleet: its own, and those of endpoints that a controller or a command of the fleet
  ///     has recorded as its own.
  ///   - names: only those of endpoints with these names; empty: all, including those of whole fleets.
  ///   - since: only those from this moment on.
  ///   - after: only those recorded after the one with this ID, for following; nil: the newest.
  ///   - limit: the maximum number: with `after` the first ones, otherwise the last ones.
  package func events(
    host: String? = nil, fleet: String? = nil, names: [String] = [], since: Timestamp? = nil, after id: Int64? = nil,
    limit: Int = 100
  ) async throws(StorageError) -> [RecordedEvent] {
    let query = EventQuery(host: host, fleet: fleet, names: names, since: since, after: id, limit: limit)
    return try await read { database in
      try Row.fetchAll(database, sql: query.sql, arguments: query.arguments).map(RecordedEvent.init)
        .sorted { $0.id < $1.id }
    }
  }
}

/// A query for events. It contains only the requested conditions, so that each uses its index.
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
    // The order matches the index of the condition.
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

/// An event with its position in the history.
package struct RecordedEvent: Hashable, Sendable {
  /// Increases over all events of a state directory.
  package let id: Int64
  /// The provider's address.
  package let host: String
  /// Nil if it is about the whole fleet.
  package let endpoint: String?
  /// Nil if the endpoint's fleet is unknown.
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
