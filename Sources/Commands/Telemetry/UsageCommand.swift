internal import ArgumentParser
internal import CanonicalJSON
internal import ServingAPI

struct UsageCommand: AsyncParsableCommand {
  /// What usage is summed up for.
  enum Key: String, ExpressibleByArgument, CaseIterable, Sendable {
    case principal, endpoint, version
  }

  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Show the usage of a plane: requests and tokens by principal, endpoint or version.",
    discussion: """
      Sums up the requests that a plane has recorded. With a token that may not manage all endpoints, these are the \
      requests to the endpoints that it may manage, and its own. FAILED counts errors, and requests whose client left. \
      Tokens are those that the engine counted.
      """)

  @Option(help: "Sum up by this.") var by = Key.principal
  @Option(help: ArgumentHelp("Only requests newer than this, such as 12h.", valueName: "TIME"))
  var since = TimeSpan(seconds: 7 * 86400)
  @Option(help: ArgumentHelp("Only requests to this endpoint.", valueName: "NAME"), completion: .endpoints)
  var endpoint: String?
  @Option(help: ArgumentHelp("Stop after this time, at most 5m.", valueName: "TIME"))
  var timeout = TimeSpan(seconds: 10)
  @Option(name: .outputFormat, help: "The output format: table, json or csv.") var output = RowFormat.table
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    guard (1...300).contains(timeout.seconds) else { throw ValidationError("--timeout must be 1s to 5m") }
  }

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let start = max(0, CommandContext.current.now() - min(since.seconds, 1_000_000_000_000) * 1000)
    let found = try await connection.withTelemetry { provider in
      do {
        return try await provider.usage(
          by: by.rawValue, since: start, endpoint: endpoint, timeout: timeout.duration)
      } catch let error as ServingError where error.kind == .timeout && error.status != nil {
        throw ErrorReport(
          "summing up the requests took too long", place: error.call, why: error.serverMessage,
          next: "set --timeout to at most 5m, or --since to a shorter time")
      }
    }
    let usage = Usage(found.rows, by: by)
    switch output {
    case .json: try console.json(usage.json(since: start))
    case .csv: try console.rows(usage.rows, .csv)
    case .table:
      if found.rows.isEmpty {
        console.note("no requests in the last \(since.defaultValueDescription)")
      } else {
        for line in usage.table.lines(console.outputPalette) { try console.result(line) }
      }
    }
    console.note(found.dropped)
  }
}

/// Usage with its total, which is the sum of the rows.
private struct Usage {
  private let usage: [WireUsageRow]
  private let key: UsageCommand.Key
  private let requests: Int64
  private let failed: Int64
  private let tokensIn: Int64
  private let tokensOut: Int64

  init(_ usage: [WireUsageRow], by key: UsageCommand.Key) {
    self.usage = usage
    self.key = key
    // A server's numbers may be anything.
    func sum(_ number: (WireUsageRow) -> Int64) -> Int64 { usage.reduce(0) { $0 &+ number($1) } }
    requests = sum { $0.requests }
    failed = sum { $0.failed }
    tokensIn = sum { $0.tokensIn }
    tokensOut = sum { $0.tokensOut }
  }

  var table: Table {
    let keys = key == .version ? ["ENDPOINT", "VERSION"] : [key.rawValue.uppercased()]
    var table = Table(keys + ["REQUESTS", "FAILED", "TOKENS IN", "TOKENS OUT", "FIRST", "LAST"])
    for row in usage {
      let endpoint = key == .version ? [Table.Cell(row.endpoint ?? "-")] : []
      table.append(
        endpoint + [Table.Cell(row.key ?? "-")] + Self.numbers(row.requests, row.failed, row.tokensIn, row.tokensOut)
          + [row.first, row.last].map { Table.Cell($0.map(TimeText.instant) ?? "-") })
    }
    table.append(
      [Table.Cell("total", .strong)] + keys.dropFirst().map { _ in Table.Cell("") }
        + Self.numbers(requests, failed, tokensIn, tokensOut))
    return table
  }

  /// Without the total.
  var rows: TelemetryRows {
    let keys = key == .version ? ["endpoint", "version"] : [key.rawValue]
    return TelemetryRows(
      columns: keys + ["requests", "failed", "tokens_in", "tokens_out", "first", "last"],
      objects: usage.map { row in
        row.members.merging([key.rawValue: row.members["key"] ?? .null]) { $1 }
      })
  }

  /// - Parameter start: in milliseconds since 1970, like all times.
  func json(since start: Int64) -> JSONValue {
    [
      "kind": "Usage", "by": .string(key.rawValue), "since": .int(start), "items": rows.json,
      "total": [
        "requests": .int(requests), "failed": .int(failed), "tokens_in": .int(tokensIn),
        "tokens_out": .int(tokensOut),
      ],
    ]
  }

  private static func numbers(_ numbers: Int64...) -> [Table.Cell] { numbers.map { Table.Cell(String($0)) } }
}
