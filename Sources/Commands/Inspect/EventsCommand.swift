internal import ArgumentParser
internal import CanonicalJSON
internal import History
internal import Planning
internal import ServingAPI

struct EventsCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "events",
    abstract: "Show the events of endpoints and fleets: what happened, why, when, and from which commit.",
    discussion: """
      Reads the state directory of "setpoint run" or "setpoint apply". With -f it follows new events until Ctrl-C. "-o json" \
      prints one object per line.
      """)

  @Argument(help: "Endpoint names. (default: all endpoints, and events of whole fleets)", completion: .endpoints)
  var names: [String] = []
  @Flag(name: .shortAndLong, help: "Follow: print new output until interrupted.") var follow = false
  @Option(
    help: ArgumentHelp(
      "Only events newer than this, such as 1h. (default: the last 100 events)", valueName: "TIME"))
  var since: TimeSpan?
  @OptionGroup var filter: FleetFilter
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var state: StateOptions

  func run() async throws {
    var reading = try await EventFeed(self)
    let events = try await reading.begin()
    try show(events, reading)
    guard follow else {
      if events.isEmpty { CommandContext.current.console.note(try await nothingFound()) }
      return
    }
    try await reading.warnOfControllers()
    try await withThrowingTaskGroup(of: Void.self) { group in
      let interruption = CommandContext.current.interruption
      group.addTask { _ = await interruption() }
      group.addTask { [reading] in try await go(on: reading) }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  /// Checks for new events every second; ends only by cancellation.
  private func go(on reading: EventFeed) async throws {
    var reading = reading
    while true {
      try await CommandContext.current.timing.sleep(.seconds(1))
      try show(try await reading.next(), reading)
    }
  }

  private func show(_ events: [RecordedEvent], _ reading: EventFeed) throws {
    let console = CommandContext.current.console
    for event in events {
      switch output {
      case .json: try console.json(EventText.json(event), .compact)
      case .text:
        try console.result(
          EventText.line(
            event, nameWidth: reading.nameWidth, showsHost: reading.showsHost, palette: console.outputPalette))
      }
    }
  }

  private func nothingFound() async throws -> String {
    let directory = try state.directory.path
    guard !names.isEmpty || since != nil || filter.fleet != nil || filter.host != nil else {
      return "no events yet in the state directory \(directory); if \"setpoint run\" or \"setpoint apply\" uses "
        + "another one, pass it with --state DIR"
    }
    let variable = FleetName.ofEnvironment == nil ? "" : "and without SETPOINT_FLEET "
    let all = "run it without names and options \(variable)to show all"
    let known: Set<String> = names.isEmpty ? [] : try await state.readHistory().recordedNames()
    let next = KnownNames.next(names.filter { !known.contains($0) }, among: known.sorted(), otherwise: all)
    return "no matching events in the state directory \(directory); \(next)"
  }
}

/// The position of a reader of events.
private struct EventFeed: Sendable {
  private let command: EventsCommand
  private var history: HistoryStore
  private var host: String?
  /// The newest event that was read.
  private var last: Int64 = 0
  private(set) var nameWidth = 0
  private(set) var showsHost = false

  init(_ command: EventsCommand) async throws {
    self.command = command
    history = try command.state.readHistory()
    host = try await command.filter.address(in: history)
  }

  /// Returns the initial events.
  mutating func begin() async throws -> [RecordedEvent] {
    // Read first, so that no event recorded meanwhile is shown twice or missed.
    last = try await history.events(limit: 1).last?.id ?? 0
    var events: [RecordedEvent] = []
    if let since = command.since {
      let moment = Timestamp(milliseconds: CommandContext.current.now()) + .seconds(-since.seconds)
      repeat {
        let more = try await read(since: moment, after: events.last?.id ?? 0)
        events += more
        if more.count < Self.pageSize { break }
      } while true
    } else {
      events = try await read(since: nil, after: nil)
    }
    last = max(last, events.last?.id ?? 0)
    fit(events)
    return events
  }

  /// Returns the events since the last call.
  mutating func next() async throws -> [RecordedEvent] {
    if !history.isKept {
      // There was no history when the command started.
      history = try command.state.readHistory()
      host = try await command.filter.address(in: history)
    }
    let events = try await read(since: nil, after: last)
    last = events.last?.id ?? last
    fit(events)
    return events
  }

  /// Reports which controllers of the followed fleets are not running.
  func warnOfControllers() async throws {
    let context = CommandContext.current
    let (fleet, directory) = (command.filter.fleet, try command.state.directory)
    for key in try await history.fleets(host: host) where fleet == nil || key.name == fleet {
      guard let status = try await history.status(of: key)?.withLease(in: directory), isFollowed(status),
        let words = StatusText.silence(status, Timestamp(milliseconds: context.now()))
      else { continue }
      context.console.note("warning: \(words)")
    }
  }

  /// Whether the events of a fleet are among those that are followed.
  private func isFollowed(_ fleet: FleetStatus) -> Bool {
    command.names.isEmpty || fleet.endpoints.contains { command.names.contains($0.name) }
  }

  private static let pageSize = 100

  private func read(since: Timestamp?, after id: Int64?) async throws -> [RecordedEvent] {
    try await history.events(
      host: host, fleet: command.filter.fleet, names: command.names, since: since, after: id, limit: Self.pageSize)
  }

  private mutating func fit(_ events: [RecordedEvent]) {
    let hosts = Set(events.map(\.host))
    showsHost = showsHost || (host == nil && hosts.count > 1)
    nameWidth = max(nameWidth, events.map { EventText.subject($0, showsHost: showsHost).count }.max() ?? 0)
  }
}
