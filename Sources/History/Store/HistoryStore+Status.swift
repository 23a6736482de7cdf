internal import GRDB
package import Planning
package import Storage

extension HistoryStore {
  /// Saves a controller's report on its fleet, in one transaction, and the time of its check.
  ///
  /// - Parameters:
  ///   - statuses: those that changed; all others stay as they were saved.
  ///   - removed: names of endpoints that are neither desired nor live any more. Their events stay.
  ///   - now: the time of the controller's check. `setpoint status` calls the report stale when this is long past.
  ///   - report: the report on the whole fleet; nil: as previously saved.
  package func save(
    _ statuses: [EndpointStatus], removing removed: [String] = [], fleet: String, host: String, at now: Timestamp,
    report: FleetReport? = nil
  ) async throws(StorageError) {
    // Removed endpoints need not be cached.
    for name in removed { cache.forget(EndpointKey(host: host, name: name)) }
    try await write { database in
      let row = try FleetRow.made(FleetKey(host: host, name: fleet), database)
      try row.looked(at: now, report, database)
      for status in statuses { try row.save(status, host: host, fleet: fleet, database) }
      for name in removed { try row.removeStatus(of: name, database) }
    }
  }

  /// Returns a controller's last statuses of a fleet's endpoints, by name.
  package func statuses(host: String, fleet: String) async throws(StorageError) -> [EndpointStatus] {
    try await status(of: FleetKey(host: host, name: fleet))?.endpoints ?? []
  }

  /// Returns a controller's last status of a fleet; nil if none has ever managed it from this state directory.
  package func status(of fleet: FleetKey) async throws(StorageError) -> FleetStatus? {
    try await read { database in
      guard let row = try FleetRow.find(fleet, database), row.lookedAt != nil else { return nil }
      return try row.status(database)
    }
  }

  /// Returns the last statuses of endpoints with this name: one for each fleet that has one.
  package func statuses(of key: EndpointKey) async throws(StorageError) -> [(
    fleet: FleetStatus, status: EndpointStatus
  )] {
    try await read { database in
      try FleetRow.all(host: key.host, database).compactMap { row in
        guard row.lookedAt != nil, let status = try row.status(of: key.name, database) else { return nil }
        return (try row.status(database, endpoints: []), status)
      }
    }
  }

  /// Returns the endpoints of a fleet that were deleted from this state directory since their controller last reported
  /// a change of them, and when. An endpoint that something was done to afterwards is not among them.
  package func deletions(in fleet: FleetKey) async throws(StorageError) -> [String: Timestamp] {
    try await read { database in
      guard let row = try FleetRow.find(fleet, database) else { return [:] }
      return try row.deletions(database)
    }
  }

  /// Returns the fleets that a controller has managed from this state directory, by provider and name.
  ///
  /// - Parameter host: only those at this provider; nil: all.
  package func fleets(host: String? = nil) async throws(StorageError) -> [FleetKey] {
    try await read { database in
      try FleetRow.all(host: host, database).filter { $0.lookedAt != nil }.map(\.key)
    }
  }

  /// Forgets the reports on a fleet: its status, and the events of the fleet as a whole. The records of its endpoints
  /// (revisions, attempts, their own events) stay, since a rollback needs them.
  ///
  /// - Returns: the number of endpoints that had a status.
  package func forget(_ fleet: FleetKey) async throws(StorageError) -> Int {
    try await write { database in
      guard let row = try FleetRow.find(fleet, database) else { return 0 }
      return try row.remove(database)
    }
  }
}
