internal import Endpoints
internal import GRDB
internal import Synchronization

/// What was read of endpoints' memories, kept for as long as nobody has changed it: a controller asks for thousands of
/// them again and again.
///
/// Two questions decide whether what is kept still holds. Whether anybody committed anything to the file since, which a
/// second connection answers (`PRAGMA data_version` there counts every commit of others, also of the first connection)
/// without waiting for a writer. And, where somebody did, whether it was another process: the same pragma on the store's own
/// connection counts only those. Our own writes forget what they change.
///
/// https://www.sqlite.org/pragma.html#pragma_data_version
final class MemoryCache: Sendable {
  /// The second connection; nil for a database in memory, which nobody else can write.
  private let watch: DatabaseQueue?
  private let state = Mutex(State())

  private struct State {
    /// The second connection's count up to which `entries` are known to hold.
    var seen: Int64 = 0
    /// The store's connection's count for which they hold.
    var foreign: Int64?
    var entries: [EndpointKey: Entry] = [:]
  }

  private struct Entry {
    let recorded: RecordedMemory
    /// Where the memory holds values that history keeps as codes only: the environments they were looked for in.
    let environments: [[String: String]]?

    func holds(for values: [EndpointConfig]) -> Bool {
      environments.map { $0 == MemoryCache.environments(of: values) } ?? true
    }
  }

  init(watch: DatabaseQueue? = nil) { self.watch = watch }

  private static func environments(of values: [EndpointConfig]) -> [[String: String]] {
    values.flatMap(\.entities).map(\.environment)
  }

  /// Changes with every commit to the file; nil: it cannot be told at present.
  func mark() -> Int64? {
    guard let watch else { return 0 }
    return try? watch.unsafeRead { try Self.dataVersion($0) }
  }

  /// What is kept, if it still holds.
  ///
  /// - Parameter mark: taken just before.
  func memory(of key: EndpointKey, values: [EndpointConfig], mark: Int64?) -> RecordedMemory? {
    let entry = state.withLock { $0.seen == mark ? $0.entries[key] : nil }
    return entry.flatMap { $0.holds(for: values) ? $0.recorded : nil }
  }

  // MARK: - On the store's connection, inside of a transaction

  /// Forgets everything when another process has written; what is kept then holds for this transaction.
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

  /// What is kept, inside of a transaction that began with ``update(_:mark:)``.
  func memory(of key: EndpointKey, values: [EndpointConfig]) -> RecordedMemory? {
    let entry = state.withLock { $0.entries[key] }
    return entry.flatMap { $0.holds(for: values) ? $0.recorded : nil }
  }

  /// - Parameters:
  ///   - values: with which it was read.
  ///   - isRedacted: whether it would be another with other values.
  func keep(_ recorded: RecordedMemory, of key: EndpointKey, values: [EndpointConfig], isRedacted: Bool) {
    let entry = Entry(recorded: recorded, environments: isRedacted ? Self.environments(of: values) : nil)
    state.withLock { $0.entries[key] = entry }
  }

  /// To be called before a change is committed.
  func forget(_ key: EndpointKey) { state.withLock { $0.entries[key] = nil } }

  private static func dataVersion(_ database: Database) throws -> Int64 {
    try Int64.fetchOne(database.cachedStatement(sql: "PRAGMA data_version")) ?? 0
  }
}
