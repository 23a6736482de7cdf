internal import ArgumentParser
internal import CanonicalJSON
internal import ServingAPI

struct SQLCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Query the telemetry of a plane with SQL.",
    discussion: """
      The tables are requests, payloads, otel_logs, otel_metrics and otel_spans (docs/telemetry.md). STATEMENT is one \
      SELECT, WITH, VALUES or EXPLAIN statement of SQLite, or PRAGMA table_info(TABLE); it can only read. "-" reads it from \
      standard input. Requires a token that may manage all endpoints. "-o json" prints an array of objects, "-o csv" \
      comma-separated values with a header.
      """)

  @Argument(help: ArgumentHelp("The statement, or - for standard input.", valueName: "statement"))
  var statement: String
  @Option(help: ArgumentHelp("The maximum number of rows, at most 100000.", valueName: "N")) var limit = 1000
  @Option(help: ArgumentHelp("Stop the statement after this time, at most 5m.", valueName: "TIME"))
  var timeout = TimeSpan(seconds: 10)
  @Option(name: .outputFormat, help: "The output format: table, json or csv.") var output = RowFormat.table
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be 1 to 100000") }
    guard (1...300).contains(timeout.seconds) else { throw ValidationError("--timeout must be 1s to 5m") }
  }

  func run() async throws {
    let text = try text()
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let result = try await connection.withTelemetry { provider in
      do {
        return try await provider.sql(text, limit: Int64(limit), timeout: timeout.duration)
      } catch let error as ServingError where error.kind == .invalid {
        throw StatementError(error.serverMessage).report(of: text, call: error.call)
      } catch let error as ServingError where error.kind == .timeout && error.status != nil {
        throw ErrorReport(
          "the statement took too long", place: error.call, why: error.serverMessage,
          next: "set --timeout to at most 5m, or read fewer rows")
      }
    }
    let rows = result.rows
    try console.rows(TelemetryRows(columns: result.columns, rows: rows), output)
    if result.isTruncated {
      console.note(
        rows.isEmpty
          ? "no rows are shown: the first one is too large; select fewer columns, or a part such as substr(request, 1, 1000)"
          : rows.count < limit
            ? "only the first \(rows.count) rows are shown: the result is too large; select fewer columns or rows"
            : "only the first \(rows.count) rows are shown; set --limit, or select fewer rows")
    }
    console.note(result.dropped)
  }

  private func text() throws -> String {
    guard statement == "-" else { return statement }
    guard let text = String(validating: try CommandContext.current.readInput(), as: UTF8.self) else {
      throw ErrorReport("the statement on standard input is not UTF-8 text")
    }
    return text
  }
}
