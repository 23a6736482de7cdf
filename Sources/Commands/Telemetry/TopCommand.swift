internal import ArgumentParser
internal import ServingAPI

struct TopCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Show the load of a plane's endpoints, those in trouble first.",
    discussion: """
      On a terminal, the table is redrawn until Ctrl-C; elsewhere, it is printed once. WAITING counts requests that wait for \
      a replica or in an engine. TTFT, the time to the first token of streams, and errors are of the last five minutes, tokens of \
      the last two. KV CACHE is that of the replica that uses the most.
      """)

  @Flag(help: "Print the table once.") var once = false
  @Option(help: ArgumentHelp("How often the table is redrawn.", valueName: "TIME")) var every = TimeSpan(seconds: 2)
  @Option(name: .outputFormat, help: "The output format: table or json.") var output = TableFormat.table
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    guard every.seconds >= 1 else { throw ValidationError("--every must be at least 1s") }
  }

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    try await connection.requirePlane(
      why: "this command shows the load of a plane", next: "select the plane with --host")
    let table = try await read(connection)
    guard !once, output == .table, console.isLive, console.isOutputTerminal else { return try show(table, console) }
    await withTaskGroup(of: Void.self) { group in
      let interruption = CommandContext.current.interruption
      group.addTask { _ = await interruption() }
      group.addTask { await redraw(table, connection) }
      await group.next()
      group.cancelAll()
    }
  }

  private func read(_ connection: Connection) async throws -> EndpointLoadTable {
    EndpointLoadTable(try await connection.measured { try await $0.endpointLoads() })
  }

  private func show(_ table: EndpointLoadTable, _ console: Console) throws {
    switch output {
    case .json: try console.json(table.json)
    case .table:
      guard !table.isEmpty else { return console.note(Self.nothing) }
      for line in table.lines(console.outputPalette) { try console.result(line) }
    }
  }

  private static let nothing = "no endpoints that you may view"

  /// Ends only by cancellation. A plane that does not answer is asked again: it may be about to be replaced.
  private func redraw(_ first: EndpointLoadTable, _ connection: Connection) async {
    let context = CommandContext.current
    var (table, trouble) = (first, String?.none)
    var drawn = 0
    while !Task.isCancelled {
      let size = context.console.size()
      var lines = table.isEmpty ? [Self.nothing] : table.lines(.plain)
      if let trouble { lines.append(trouble) }
      // A line that wraps, or scrolls away, could not be replaced.
      lines = lines.prefix(max(1, size.rows - 1)).map { String($0.prefix(max(1, size.columns - 1))) }
      context.console.redraw(lines, over: drawn)
      drawn = lines.count
      do {
        try await context.timing.sleep(every.duration)
        table = try await read(connection)
        trouble = nil
      } catch {
        trouble = "no new figures: \(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
      }
    }
  }
}
