/// Writes records to the plane's store without blocking the caller's actor. On a full disk it uses the reserve.
///
/// A write that was begun is completed even if the caller's task is canceled.
struct StoreWriter: Sendable {
  let store: EndpointStore
  let reserve: DiskReserve

  func save(_ record: EndpointRecord) async throws { try await write { try $0.save(record) } }

  func save(_ replica: ReplicaRecord) async throws { try await write { try $0.save(replica) } }

  func deleteEndpoint(_ id: String) async throws { try await write { try $0.deleteEndpoint(id) } }

  func deleteReplica(_ id: String) async throws { try await write { try $0.deleteReplica(id) } }

  /// Writes new and changed tokens, and deletes others by ID, at once.
  func changeTokens(saving saved: [TokenRecord], deleting deleted: Set<String> = []) async throws {
    try await write { try $0.changeTokens(saving: saved, deleting: deleted) }
  }

  /// Records when tokens were used, by the token's ID.
  func noteUses(_ uses: [String: Int64]) async throws { try await write { try $0.noteUses(uses) } }

  /// Reserves space for a full disk.
  func fillReserve() async { await BlockingWork.brief.run { reserve.fill() } }

  private func write(_ change: @escaping @Sendable (EndpointStore) throws -> Void) async throws {
    try await BlockingWork.brief.run { try reserve.write(to: store, change) }
  }
}
