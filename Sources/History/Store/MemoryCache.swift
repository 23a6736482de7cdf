internal import Endpoints
internal import GRDB
internal import Synchronization

/// A cache of endpoints' memories that is valid until they change: a controller reads thousands of them repeatedly.
///
/// Two checks determine whether an entry is still valid. First, whether anybody has committed to the file since, which
/// a second connection reports (`PRAGMA data_version` there counts every commit of others, including the first
/// connection's) without waiting for a writer. Second, if so, whether it was another process: the same pragma on the
/// store's own connection counts only those. Our own writes invalidate what they change.
///
/// https://www.sqlite.org/pragma.html#pragma_data_version
final class MemoryCache: Sendable {
  /// The second connection; nil for a database in memory, which no other process can write.
  private let watch: DatabaseQueue?
  private let state = Mutex(State())

  private struct State {
    /// The second connection's count up to which `entries` are known to be valid.
    var seen: Int64 = 0
    /// The store's connection's count for which they are valid.
    var foreign: Int64?
    var entries: [EndpointKey: Entry] = [:]
  }

  private struct Entry {
    let recorded: RecordedMemory
    /// The environments that were searched, if the memory contains values that the history stores only as codes.
    let environments: [[String: String]]?

    func holds(for values: [EndpointConfig]) -> Bool {
      environments.map { $0 == MemoryCache.environments(of: values) } ?? true
    }
  }

  init(watch: DatabaseQueue? = nil) { self.watch = watch }

  private static func environments(of values: [EndpointConfig]) -> [[String: String]] {
    values.flatMap(\.entities).map(\.environment)
  }

  /// Returns a value that changes with every commit to the file; nil: unknown at present.
  func mark() -> Int64? {
    guard let watch else { return 0 }
    return try? watch.unsafeRead { try Self.dataVersion($0) }
  }

  /// Returns the cached memory, if it is still valid.
  ///
  /// - Parameter mark: taken just before.
  func memory(of key: EndpointKey, values: [EndpointConfig], mark: Int64?) -> RecordedMemory? {
    let entry = state.withLock { $0.seen == mark ? $0.entries[key] : nil }
    return entry.flatMap { $0.holds(for: values) ? $0.recorded : nil }
  }

  // MARK: - On the store's connection, inside a transaction

  /// Removes all entries if another process has written; the remaining ones are valid for this transaction.
  ///
  /// - Parameter mark: taken before the transaction began.
  func update(_ database: Database, mark: Int64?) throws {
    let foreign = try Self.dataVersion(database)
    state.withLock { state in
      if state.foreign != foreign {
        state.entries = [:]
        state.foreign = foreign
      }
      if let mark { state.seen = max(state.seen, mark) }
    }
  }

  /// Returns the cached memory, inside a transaction that began with ``update(_:mark:)``.
  func memory(of key: EndpointKey, values: [EndpointConfig]) -> RecordedMemory? {
    let entry = state.withLock { $0.entries[key] }
    return entry.flatMap { $0.holds(for: values) ? $0.recorded : nil }
  }

  /// - Parameters:
  ///   - values: the values that it was read with.
  ///   - isRedacted: whether it would be different with other values.
  func keep(_ recorded: RecordedMemory, of key: EndpointKey, values: [EndpointConfig], isRedacted: Bool) {
    let entry = Entry(recorded: recorded, environments: isRedacted ? Self.environments(of: values) : nil)
    state.withLock { $0.entries[key] = entry }
  }

  /// Removes an entry; call it before a change is committed.
  func forget(_ key: EndpointKey) { state.withLock { $0.entries[key] = nil } }

  private static func dataVersion(_ database: Database) throws -> Int64 {
    try Int64.fetchOne(database.cachedStatement(sql: "PRAGMA data_version")) ?? 0
  }
}
