internal import GRDB
internal import History
internal import Storage
internal import Synchronization

/// A history in memory whose process can be killed: once it is dead, nothing more is committed, as after `kill -9`, and
/// what was committed before is what the next process finds.
final class CrashingHistory: TransactionObserver, Sendable {
  /// The commit at which the process dies, counted from 0.
  enum CrashPoint: Hashable, Sendable {
    case before(Int)
    case after(Int)
  }

  private struct State {
    var commits = 0
    var hasChanged = false
    var crashPoint: CrashPoint?
  }

  private let database: DatabaseQueue
  private let key: RedactionKey
  private let state = Mutex(State())
  private let isDead: @Sendable () -> Bool
  private let die: @Sendable () -> Void

  /// - Parameter other: the initial content; nil: nothing.
  init(
    copying other: CrashingHistory? = nil, isDead: @escaping @Sendable () -> Bool, die: @escaping @Sendable () -> Void
  ) throws {
    database = try DatabaseQueue(configuration: DatabaseFile.configuration)
    try HistoryStore.prepare(database)
    key = RedactionKey(bytes: Array(repeating: 7, count: 32))
    self.isDead = isDead
    self.die = die
    try other?.database.backup(to: database)
    database.add(transactionObserver: self, extent: .databaseLifetime)
  }

  /// What a process that starts now opens.
  func open() -> HistoryStore { HistoryStore(database: database, key: key) }

  /// Counts the commits from here on.
  func count(dyingAt crashPoint: CrashPoint? = nil) {
    state.withLock { state in
      state.commits = 0
      state.crashPoint = crashPoint
    }
  }

  var commits: Int { state.withLock(\.commits) }

  // MARK: - The behavior of SQLite

  func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { true }

  func databaseDidChange(with event: DatabaseEvent) { state.withLock { $0.hasChanged = true } }

  func databaseWillCommit() throws {
    guard !isDead() else { throw CancellationError() }
    let diesNow = state.withLock { state in
      guard state.hasChanged, state.crashPoint == .before(state.commits) else { return false }
      // The next process does not die of it again.
      state.crashPoint = nil
      return true
    }
    guard diesNow else { return }
    die()
    throw CancellationError()
  }

  func databaseDidCommit(_ database: Database) {
    let diesNow = state.withLock { state in
      guard state.hasChanged else { return false }
      state.hasChanged = false
      state.commits += 1
      return state.crashPoint == .after(state.commits - 1)
    }
    if diesNow { die() }
  }

  func databaseDidRollback(_ database: Database) { state.withLock { $0.hasChanged = false } }
}
