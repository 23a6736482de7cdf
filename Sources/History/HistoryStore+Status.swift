internal import GRDB
package import Planning

extension HistoryStore {
  /// Saves what a controller says of its fleet, in one transaction, and that it looked.
  ///
  /// - Parameters:
  ///   - statuses: those that changed; all others stay as they were saved.
  ///   - removed: names of endpoints that are neither wanted nor there any more. Their events stay.
  ///   - now: when the controller looked. `setpoint status` calls what it says stale when this is long past.
  ///   - report: what holds for the whole fleet; nil: as it was saved before.
  package func save(
    _ statuses: [EndpointStatus], removing removed: [String] = [], fleet: String, host: String, at now: Timestamp,
    report: FleetReport? = nil
  ) async throws(HistoryError) {
    // What is gone need not be kept at hand.
    for name in removed { cache.forget(EndpointKey(host: host, name: name)) }
    try await write { database in
      let row = try FleetRow.made(FleetKey(host: host, name: fleet), database)
      try row.looked(at: now, report, database)
      for status in statuses { try row.save(status, host: host, fleet: fleet, database) }
      for name in removed { try row.removeStatus(of: name, database) }
    }
  }

  /// What a controller last said of each endpoint of a fleet, by name.
  package func statuses(host: String, fleet: String) async throws(HistoryError) -> [EndpointStatus] {
    try await status(of: FleetKey(host: host, name: fleet))?.endpoints ?? []
  }

  /// What a controller last said of a fleet; nil where none has ever looked after it from this state directory.
  package func status(of fleet: FleetKey) async throws(HistoryError) -> FleetStatus? {
    try await read { database in
      guard let row = try FleetRow.find(fleet, database), row.lookedAt != nil else { return nil }
      return try row.status(database)
    }
  }

  /// What a controller last said of endpoints of this name: one for each fleet that has one.
  package func statuses(of key: EndpointKey) async throws(HistoryError) -> [(
    fleet: FleetStatus, status: EndpointStatus
  )] {
    try await read { database in
      try FleetRow.all(host: key.host, database).compactMap { row in
        guard row.lookedAt != nil, let status = try row.status(of: key.name, database) else { return nil }
        return (try row.status(database, endpoints: []), status)
      }
    }
  }

  /// The fleets that a controller has looked after from this state directory, by provider and name.
  ///
  /// - Parameter host: only those at this provider; nil: all.
  package func fleets(host: String? = nil) async throws(HistoryError) -> [FleetKey] {
    try await read { database in
      try FleetRow.all(host: host, database).filter { $0.lookedAt != nil }.map(\.key)
    }
  }

  /// Forgets what a controller said of a fleet: its status, and the events of the fleet as a whole. What is known of its
  /// endpoints (revisions, attempts, their own events) stays, since a rollback needs it.
  ///
  /// - Returns: of how many endpoints something was said.
  package func forget(_ fleet: FleetKey) async throws(HistoryError) -> Int {
    try await write { database in
      guard let row = try FleetRow.find(fleet, database) else { return 0 }
      return try row.remove(database)
    }
  }
}
