internal import ArgumentParser
internal import CanonicalJSON
internal import ServingAPI

struct RequestsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "requests", abstract: "Show the requests to an endpoint of a plane.",
    discussion: """
      The newest come first. With a token that may query the endpoint but not manage it, only its own requests are shown. \
      QUEUE is how long a request waited for a replica, TTFT the time to the first data of the response, LATENCY the time \
      to its last byte, IN and OUT count tokens. "-o json" and "-o csv" have all columns of the table requests \
      (docs/telemetry.md).
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Flag(help: "The slowest requests, by latency.") var slowest = false
  @Flag(help: "Only requests that failed, or whose client left.") var failed = false
  @Option(help: ArgumentHelp("Show this request: the ID in its x-request-id header.", valueName: "ID"))
  var id: String?
  @Option(help: ArgumentHelp("Only requests of this principal.", valueName: "NAME")) var principal: String?
  @Option(
    help: ArgumentHelp("Only requests newer than this, such as 2d. (default: 1h; with --id all)", valueName: "TIME"))
  var since: TimeSpan?
  @Option(help: ArgumentHelp("The maximum number of requests, at most 10000.", valueName: "N")) var limit = 50
  @Option(name: .outputFormat, help: "The output format: table, json or csv.") var output = RowFormat.table
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be 1 to 10000") }
    guard [slowest, failed, id != nil].count(where: { $0 }) < 2 else {
      throw ValidationError("--slowest, --failed and --id cannot be combined")
    }
  }

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let found = try await connection.withTelemetry(of: name) { provider in
      try await provider.recordedRequests(
        of: name, since: start, order: slowest ? "slowest" : failed ? "failed" : "newest", id: id, principal: principal,
        limit: Int64(limit))
    }
    let requests = found.requests
    if let id, requests.isEmpty {
      console.note(found.dropped)
      throw ErrorReport(
        "request \(id) to \(name) not found", place: connection.target.url,
        why: "it is still in progress, is older than the plane keeps requests, or was sent by another principal")
    }
    try show(requests, console)
    if found.isTruncated { console.note("only the first \(requests.count) are shown; set --limit or --since") }
    console.note(found.dropped)
  }

  /// In milliseconds since 1970.
  private var start: Int64? {
    guard let seconds = since?.seconds ?? (id == nil ? 3600 : nil) else { return nil }
    // A time before 1970 means all.
    return max(0, CommandContext.current.now() - min(seconds, 1_000_000_000_000) * 1000)
  }

  private func show(_ requests: [WireRecordedRequest], _ console: Console) throws {
    switch output {
    case .json:
      try console.json(["kind": "RequestList", "endpoint": .string(name), "items": .array(requests.map(\.json))])
    case .csv:
      try console.rows(
        TelemetryRows(columns: WireRecordedRequest.columns, objects: requests.map(\.members)), .csv)
    case .table where id != nil:
      for line in requests.flatMap({ RequestText.description($0) }) { try console.result(line) }
    case .table:
      if requests.isEmpty {
        return console.note("no \(failed ? "failed " : "")requests; set --since to look further back")
      }
      for line in RequestText.table(requests).lines(console.outputPalette) { try console.result(line) }
    }
  }
}
