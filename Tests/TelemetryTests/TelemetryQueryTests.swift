import CanonicalJSON
import GRDB
import Telemetry
import Testing

@Suite struct TelemetryQueryTests {
  private func refusal(_ statement: String, _ store: TelemetryStore, timeout: Duration = .seconds(30)) async
    -> SQLError?
  {
    do throws(SQLError) {
      _ = try await store.query(statement, limit: 10, timeout: timeout)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    "DELETE FROM requests", "insert into requests (time) values (1)", "ATTACH 'x.sqlite' AS x", "VACUUM INTO 'x'",
    "PRAGMA query_only = 0", "PRAGMA table_info = requests", "CREATE TEMP TABLE t (a)", "BEGIN",
    "WITH a AS (SELECT 1) DELETE FROM requests", "EXPLAIN PRAGMA query_only = 0", "-- SELECT\nDROP TABLE requests",
  ])
  func `what would change something is refused`(_ statement: String) async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      store.add(folder.request(1))
      await store.flush()
      let error = await refusal(statement, store)
      #expect(error?.kind == .readOnly, "\(error?.message ?? "")")
      #expect(try await store.value("SELECT count(*) FROM requests") == 1)
    }
  }

  @Test(arguments: [
    "SELECT 1", "select 1;", "/* a */ SELECT 1", "VALUES (1)",
    "WITH a AS (SELECT 1) SELECT * FROM a", "EXPLAIN QUERY PLAN SELECT * FROM requests",
    "PRAGMA table_info(requests)", "SELECT ';' -- ; SELECT 2",
  ])
  func `what only reads is answered`(_ statement: String) async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      #expect(try await !store.rows(statement).isEmpty)
    }
  }

  @Test func `only one statement is allowed`() async throws {
    try await withTelemetryFolder { folder in
      let error = await refusal("SELECT 1;\n SELECT 2", try folder.store())
      #expect(error?.kind == .severalStatements && error?.position == SQLError.Position(line: 2, column: 2))
    }
  }

  @Test func `an error says where it is`() async throws {
    let statements: [(text: String, line: Int, column: Int)] = [
      ("SELECT *\n  FORM requests", 2, 3), ("SELECT FORM FROM requests FORM FORM 1", 1, 32),
      ("SELECT * FROM requests WHERE", 1, 29), ("SELECT 'stauts', stauts FROM requests", 1, 18),
      ("SELECT 1 FROM missing", 1, 15), ("SELECT # 1", 1, 8), ("SELECT 'a", 1, 8), ("SELEC 1", 1, 1),
      ("SELECT ?", 1, 8),
    ]
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      for (text, line, column) in statements {
        let error = await refusal(text, store)
        #expect(error?.kind == .syntax, "\(text)")
        #expect(error?.position == SQLError.Position(line: line, column: column), "\(error?.message ?? text)")
        #expect(error?.message.hasPrefix("line \(line), column \(column): ") == true, "\(text)")
      }
    }
  }

  @Test func `an empty statement is refused`() async throws {
    try await withTelemetryFolder { folder in
      let error = await refusal(" -- nothing", try folder.store())
      #expect(error?.kind == .syntax && error?.message == "the statement is empty")
    }
  }

  @Test func `a statement that takes too long is stopped, and the connection is usable again`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let endless = "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT count(*) FROM a"
      for _ in 0..<3 {
        let error = await refusal(endless, store, timeout: .milliseconds(50))
        #expect(error?.kind == .timeout && error?.message.contains("0.05s") == true, "\(error?.message ?? "")")
      }
      #expect(try await store.value("SELECT 7") == 7)
    }
  }

  @Test func `more rows than the limit are cut off, and the result says so`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let numbers = "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a LIMIT 10) SELECT n FROM a"
      let cut = try await store.query(numbers, limit: 3, timeout: .seconds(30))
      #expect(cut == SQLResult(columns: ["n"], rows: [[1], [2], [3]], isTruncated: true))
      #expect(try await !store.query(numbers, limit: 10, timeout: .seconds(30)).isTruncated)
    }
  }

  @Test func `a result is bounded in bytes, also in its first row, and says that it was cut`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let columns = (0..<40).map { "hex(zeroblob(500000)) AS c\($0)" }.joined(separator: ", ")
      let row = try await store.query("SELECT \(columns)", limit: 10, timeout: .seconds(30))
      #expect(row.rows.isEmpty && row.isTruncated && row.columns.count == 40)
      let second = "SELECT 1 UNION ALL SELECT hex(zeroblob(5000))"
      let cut = try await store.query(second, limit: 10, maximumBytes: 10_000, timeout: .seconds(30))
      #expect(cut.rows == [[1]] && cut.isTruncated)
      #expect(try await !store.query(second, limit: 10, timeout: .seconds(30)).isTruncated)
      let error = await refusal("SELECT \((0..<300).map { "\($0)" }.joined(separator: ", "))", store)
      #expect(error?.message.contains("too many columns") == true, "\(error?.message ?? "")")
    }
  }

  @Test func `a slow fixed query is stopped, and holds up no other one`() async throws {
    try await withTelemetryFolder { folder in
      let store = try folder.store()
      let endless = "WITH RECURSIVE a (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT count(*) FROM a"
      let slow = Task { try await store.read { try Int.fetchOne($0, sql: endless) } }
      #expect(try await store.read { try Int.fetchOne($0, sql: "SELECT 7") } == 7)
      let stopped = await #expect(throws: SQLError.self) {
        try await store.read(within: .milliseconds(50)) { try Int.fetchOne($0, sql: endless) }
      }
      #expect(stopped?.kind == .timeout, "\(stopped?.message ?? "")")
      slow.cancel()
      await #expect(throws: (any Error).self) { try await slow.value }
    }
  }

  @Test func `values keep their kinds, and bytes are hexadecimal digits`() async throws {
    try await withTelemetryFolder { folder in
      let row = try await folder.store().rows("SELECT 9223372036854775807, 0.5, 'é', x'00ff', NULL")
      #expect(row == [[9_223_372_036_854_775_807, 0.5, "é", "00ff", nil]])
    }
  }

  @Test func `a value that takes too much memory is refused`() async throws {
    try await withTelemetryFolder { folder in
      let error = await refusal("SELECT zeroblob(900000000)", try folder.store())
      #expect(error?.message.contains("too large") == true, "\(error?.message ?? "")")
    }
  }
}
