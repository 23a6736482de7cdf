package import Endpoints
internal import GRDB
package import Planning

extension HistoryStore {
  /// What is remembered of an endpoint.
  ///
  /// - Parameter values: configs that may hold environment values which history keeps as codes only: the manifest's, then
  ///   the live one. A revision whose values none of them holds comes without config, and
  ///   ``RecordedMemory/lostConfigs`` says which are missing.
  package func memory(
    of key: EndpointKey, values: [EndpointConfig] = []
  ) async throws(HistoryError) -> RecordedMemory {
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

  /// What is remembered of every endpoint at a provider, by name: one reading for a whole fleet. What is recorded of one may
  /// be damaged; that says nothing of the others.
  package func memories(
    host: String, values: [String: [EndpointConfig]] = [:]
  ) async throws(HistoryError) -> [String: Result<RecordedMemory, HistoryError>] {
    let redaction = key
    return try await read { database in
      var memories: [String: Result<RecordedMemory, HistoryError>] = [:]
      for row in try EndpointRow.all(host: host, database) {
        do {
          memories[row.name] = .success(
            try row.memory(database, values: values[row.name] ?? [], key: redaction).recorded)
        } catch let error as HistoryError {
          memories[row.name] = .failure(error)
        }
      }
      return memories
    }
  }

  /// Records changes, in this order and all or none of them, with the events they mean.
  ///
  /// - Parameters:
  ///   - version: of the memory on which the changes were decided; nil where they hold whatever was recorded since.
  ///   - fleet: whose the endpoint is; nil: as it was recorded before.
  ///   - now: for changes that carry no time of their own.
  ///   - values: as in ``memory(of:values:)``, for the memory that is returned.
  /// - Throws: ``HistoryError`` `moved` when another process has recorded something since `version`, or has an attempt of
  ///   its own open: check again and decide again.
  @discardableResult
  package func record(
    _ changes: [MemoryChange], of key: EndpointKey, fleet: String? = nil, since version: Int64? = nil,
    at now: Timestamp,
    values: [EndpointConfig] = []
  ) async throws(HistoryError) -> RecordedMemory {
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
      // Once it is committed; on the same connection, so before anybody else writes or reads there.
      database.afterNextTransaction { _ in
        cache.keep(reading.recorded, of: key, values: values, isRedacted: reading.isRedacted)
      }
      return reading.recorded
    }
  }

  private static func moved(_ key: EndpointKey) -> HistoryError {
    HistoryError(
      .moved, "another setpoint process using the same state directory is changing \(key.name)",
      next: "wait until it finishes, then run the command again")
  }

  /// The endpoints at a provider that this state directory has recorded, with the provider's id where one is known: what
  /// may be pruned without a fleet of its own.
  package func recordedEndpoints(host: String) async throws(HistoryError) -> [String: String?] {
    try await read { database in
      Dictionary(uniqueKeysWithValues: try EndpointRow.all(host: host, database).map { ($0.name, $0.providerID) })
    }
  }
}

extension HistoryStore {
  /// The revisions of an endpoint, oldest first.
  package func revisions(
    of key: EndpointKey, values: [EndpointConfig] = []
  ) async throws(HistoryError) -> [Revision] {
    try await memory(of: key, values: values).memory.revisions
  }
}

extension MemoryChange {
  fileprivate var isDeletion: Bool {
    if case .received(.accepted, .delete, _, _) = self { true } else { false }
  }
}
