internal import GRDB
internal import GRDBSQLite

/// Binds the values of a row to a statement's parameters, in their order, and runs it. Through SQLite itself: GRDB's
/// arguments are values of any type in an array, and making them takes longer than SQLite takes to write the row.
struct RowBinder {
  private let statement: SQLiteStatement
  private var index: CInt = 0
  private var firstFailure = SQLITE_OK

  /// - Parameter statement: without results; its values are bound anew, all of them.
  init(_ statement: Statement) {
    self.statement = statement.sqliteStatement
  }

  mutating func add(_ value: String?) {
    guard var value else { return addNull() }
    index += 1
    note(
      value.withUTF8 {
        // Of an empty text, the address may be nil, which would be NULL.
        guard let text = $0.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, Self.copied) }
        return text.withMemoryRebound(to: CChar.self, capacity: $0.count) { [count = $0.count] in
          sqlite3_bind_text(statement, index, $0, CInt(clamping: count), Self.copied)
        }
      })
  }

  mutating func add(_ value: Int64?) {
    guard let value else { return addNull() }
    index += 1
    note(sqlite3_bind_int64(statement, index, value))
  }

  mutating func add(_ value: Int) { add(Int64(value)) }

  mutating func add(_ value: Double?) {
    guard let value else { return addNull() }
    index += 1
    note(sqlite3_bind_double(statement, index, value))
  }

  mutating func add(_ value: Bool?) { add(value.map { $0 ? 1 : 0 } as Int64?) }

  /// Five values: the columns that say what a row is about, in the order of every table that has them.
  mutating func add(_ resource: TelemetryResource) {
    add(resource.endpoint)
    add(resource.entity)
    add(resource.model)
    add(resource.modelVersion)
    add(resource.replica)
  }

  private mutating func addNull() {
    index += 1
    note(sqlite3_bind_null(statement, index))
  }

  private mutating func note(_ code: CInt) { if firstFailure == SQLITE_OK { firstFailure = code } }

  /// Runs the statement.
  ///
  /// - Throws: `DatabaseError`.
  func run(_ database: Database) throws {
    defer { sqlite3_reset(statement) }
    let code = firstFailure == SQLITE_OK ? sqlite3_step(statement) : firstFailure
    guard code == SQLITE_DONE else {
      throw DatabaseError(resultCode: ResultCode(rawValue: code), message: database.lastErrorMessage)
    }
  }

  /// SQLite copies the text while it is bound.
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}

extension Database {
  /// Runs a statement that is prepared only once.
  ///
  /// - Parameter bind: adds a value for each of the statement's parameters.
  func insert(_ statement: String, _ bind: (inout RowBinder) -> Void) throws {
    var binder = RowBinder(try cachedStatement(sql: statement))
    bind(&binder)
    try binder.run(self)
  }
}
