internal import CanonicalJSON
internal import GRDB
internal import LibCrypto

/// A statement of a user's with its bounds.
struct SQLQuery: Sendable {
  let statement: String
  /// The most rows.
  let limit: Int
  /// Rows take memory here and at the client: about the most bytes of all values.
  let maximumBytes: Int
  let timeout: Duration

  /// Runs it on a connection that nobody else uses meanwhile.
  func run(on reader: DatabaseQueue) async throws(SQLError) -> SQLResult {
    let deadline = QueryDeadline(timeout: timeout, advice: "read fewer rows, such as with WHERE time > …")
    do {
      return try await deadline.run(on: reader) { database in try read(database) }
    } catch let error as SQLError {
      throw error
    } catch {
      throw Self.failure(error)
    }
  }

  private func read(_ database: Database) throws -> SQLResult {
    let statement = try SQLText(statement).compile(database)
    var result = SQLResult(columns: statement.columnNames, rows: [], isTruncated: false)
    var rest = maximumBytes
    let cursor = try Row.fetchCursor(statement)
    while let row = try cursor.next() {
      guard result.rows.count < limit, let values = try Self.values(row, within: &rest) else {
        result.isTruncated = true
        break
      }
      result.rows.append(values)
    }
    return result
  }

  /// The values of a row, one after the other: nil as soon as they are larger than the rest of the result, also in its
  /// first row.
  private static func values(_ row: Row, within rest: inout Int) throws -> [JSONValue]? {
    var values: [JSONValue] = []
    rest -= 2
    for index in 0..<row.count {
      let value = JSONValue(try row.decode(DatabaseValue.self, atIndex: index))
      rest -= 24 + (value.stringValue?.utf8.count ?? 0)
      guard rest >= 0 else { return nil }
      values.append(value)
    }
    return values
  }

  private static func failure(_ error: any Error) -> SQLError {
    guard let error = error as? DatabaseError else { return SQLError(.failed, "the query was canceled") }
    let words = error.message ?? "\(error.resultCode)"
    switch error.resultCode {
    case .SQLITE_READONLY: return SQLError(.readOnly, "telemetry can only be read: \(words)")
    case .SQLITE_INTERRUPT: return SQLError(.failed, "the query was canceled")
    case .SQLITE_TOOBIG: return SQLError(.failed, "a value of the result is too large: \(words)")
    case .SQLITE_ERROR: return SQLError(.syntax, words)
    default: return SQLError(.failed, "cannot read the telemetry: \(words)")
    }
  }
}

extension JSONValue {
  fileprivate init(_ value: DatabaseValue) {
    self =
      switch value.storage {
      case .null: .null
      case .int64(let number): .int(number)
      case .double(let number): .double(number)
      case .string(let text): .string(text)
      case .blob(let bytes): .string(Hexadecimal.encode(bytes))
      }
  }
}
