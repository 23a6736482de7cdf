internal import CanonicalJSON
internal import Durations
internal import GRDB
internal import LibCrypto
internal import Synchronization

/// A statement with its bounds.
struct SQLQuery: Sendable {
  /// Rows take memory here and at the client.
  private static let maximumBytes = 64 << 20

  let statement: String
  let limit: Int
  let timeout: Duration

  /// Runs it on a connection that nobody else uses meanwhile.
  func run(on reader: DatabaseQueue) async throws(SQLError) -> SQLResult {
    let alarm = Alarm()
    let outcome = await withTaskGroup(of: Void.self) { group -> Result<SQLResult, SQLError> in
      group.addTask {
        guard (try? await Task.sleep(for: timeout)) != nil else { return }
        alarm.ring()
        // An interruption has no effect before the statement has begun, so it is repeated until it has ended.
        while !Task.isCancelled {
          reader.interrupt()
          try? await Task.sleep(for: .milliseconds(20))
        }
      }
      let outcome = await result(on: reader, alarm)
      group.cancelAll()
      return outcome
    }
    return try outcome.get()
  }

  private func result(on reader: DatabaseQueue, _ alarm: Alarm) async -> Result<SQLResult, SQLError> {
    do {
      // One statement needs no transaction; the connection is read-only.
      return .success(try await reader.unsafeRead { database in try read(database) })
    } catch let error as SQLError {
      return .failure(error)
    } catch {
      return .failure(failure(error, alarm))
    }
  }

  private func read(_ database: Database) throws -> SQLResult {
    let statement = try SQLText(statement).compile(database)
    var result = SQLResult(columns: statement.columnNames, rows: [], isTruncated: false)
    var bytes = 0
    let cursor = try Row.fetchCursor(statement)
    while let row = try cursor.next() {
      guard result.rows.count < limit, bytes < Self.maximumBytes else {
        result.isTruncated = true
        break
      }
      let values = Array(row.databaseValues).map { JSONValue($0) }
      bytes += values.reduce(32) { $0 + 32 + ($1.stringValue?.utf8.count ?? 0) }
      result.rows.append(values)
    }
    return result
  }

  private func failure(_ error: any Error, _ alarm: Alarm) -> SQLError {
    if alarm.hasRung {
      return SQLError(
        .timeout,
        "the query was stopped after \(DurationText.text(timeout)); read fewer rows, such as with WHERE time > …")
    }
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

/// Whether the time of a query is over.
private final class Alarm: Sendable {
  private let rung = Atomic<Bool>(false)

  var hasRung: Bool { rung.load(ordering: .acquiring) }

  func ring() { rung.store(true, ordering: .releasing) }
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
