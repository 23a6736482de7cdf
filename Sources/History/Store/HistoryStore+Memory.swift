package import Endpoints
internal import GRDB
package import Planning
package import Storage

extension HistoryStore {
  /// Returns the memory of an endpoint.
  ///
  /// - Parameter values: configs that may contain environment values that the history stores only as codes: the
  ///   manifest's, then the live one. A revision with values that none of them contains has no config, and
  ///   ``RecordedMemory/lostConfigs`` names the missing ones.
  package func memory(
    of key: EndpointKey, values: [EndpointConfig] = []
  ) async throws(StorageError) -> RecordedMemory {
    let mark = cache.mark()
    if let known = cache.memory(of: key, values: values, mark: mark) { return known }
    let (redaction, cache) = (self.key, cache)
    return try await read { database in
      try cache.update(database, mark: mark)
      if let known = cache.memory(of: key, values: values) { return known }
      let reading = try EndpointRow.find(key, database)?.memory(database, values: values, key: redaction) ?? .nothing
      cache.keep(reading.recorded, of: key, values: values, isRedacted: reading.isRedacted)
      return reading.recorded
    }
  }

  /// Returns the memories of all endpoints at a provider, by name: one read for a whole fleet. A damaged record does
  /// not affect the others.
  package func memories(
    host: String, values: [String: [EndpointConfig]] = [:]
  ) async throws(StorageError) -> [String: Result<RecordedMemory, StorageError>] {
    let redaction = key
    return try await read { database in
      var memories: [String: Result<RecordedMemory, StorageError>] = [:]
      for row in try EndpointRow.all(host: host, database) {
        do {
          memories[row.name] = .success(
            try row.memory(database, values: values[row.name] ?? [], key: redaction).recorded)
        } catch let error as StorageError {
          memories[row.name] = .failure(error)
        }
      }
      return memories
    }
  }

  /// Records changes, in this order and all or none of them, with their events.
  ///
  /// - Parameters:
  ///   - version: the version of the memory on which the changes are based; nil if they are valid whatever was recorded
  ///     since.
  ///   - fleet: the endpoint's fleet; nil: as previously recorded.
  ///   - now: the time of changes without their own.
  ///   - values: as in ``memory(of:values:)``, for the returned memory.
  /// - Throws: ``StorageError`` `moved` if another process has recorded something since `version`, or has an open
  ///   attempt: read and decide again.
  @discardableResult
  package func record(
    _ changes: [MemoryChange], of key: EndpointKey, fleet: String? = nil, since version: Int64? = nil,
    at now: Timestamp,
    values: [EndpointConfig] = []
  ) async throws(StorageError) -> RecordedMemory {
    let (redaction, cache) = (self.key, cache)
    return try await write { database in
      try cache.update(database, mark: nil)
      cache.forget(key)
      let row = try EndpointRow.find(key, database)
      let former = try row?.memory(database, values: [], key: redaction).recorded ?? .nothing
      guard version == nil || version == former.version else { throw Self.moved(key) }
      var memory = former.memory
      var events: [HistoryEvent] = []
      for change in changes {
        if case .opened = change, memory.attempt != nil { throw Self.moved(key) }
        if let event = HistoryEvent(change, before: memory, at: now) { events.append(event) }
        memory.apply(change)
      }
      let saved = try EndpointRow.save(memory, former: former, key, at: now, redaction, database)
      try saved.belongs(to: fleet, database)
      for event in events { try saved.append(event, database) }
      if changes.contains(where: \.isDeletion) {
        for gone in try EndpointRow.removeDeleted(before: RevisionRetention.oldUntil(now), database) {
          cache.forget(gone)
        }
      }
      let reading = try saved.memory(database, values: values, key: redaction)
      // After the commit, on the same connection, so before any other write or read there.
      database.afterNextTransaction { _ in
        cache.keep(reading.recorded, of: key, values: values, isRedacted: reading.isRedacted)
      }
      return reading.recorded
    }
  }

  private static func moved(_ key: EndpointKey) -> StorageError {
    StorageError(
      .moved, "another setpoint process using the same state directory is changing \(key.name)",
      next: "wait until it finishes, then run the command again")
  }

  /// Returns the endpoints at a provider that this state directory has recorded, with the provider's ID if known: those
  /// that may be pruned without a fleet.
  package func recordedEndpoints(host: String) async throws(StorageError) -> [String: String?] {
    try await read { database in
      Dictionary(uniqueKeysWithValues: try EndpointRow.all(host: host, database).map { ($0.name, $0.providerID) })
    }
  }

  /// Returns the names of all endpoints that this state directory has recorded, at any provider.
  package func recordedNames() async throws(StorageError) -> Set<String> {
    try await read { database in try String.fetchSet(database, sql: "SELECT DISTINCT name FROM endpoint") }
  }
}

extension HistoryStore {
  /// Returns the revisions of an endpoint, oldest first.
  package func revisions(
    of key: EndpointKey, values: [EndpointConfig] = []
  ) async throws(StorageError) -> [Revision] {
    try await memory(of: key, values: values).memory.revisions
  }
}

extension MemoryChange {
  fileprivate var isDeletion: Bool {
    if case .received(.accepted, .delete, _, _) = self { true } else { false }
  }
}
