internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

struct LogsCommand: AsyncParsableCommand, LongRunning {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Print the logs of an endpoint's model servers.",
    discussion: """
      Logs of the pending config come before those of the active one. Control characters are escaped on a terminal; \
      a file or a pipe receives every byte. "-o json" prints one object per line.

      A plane also keeps lines of replicas that have ended: --since, --replica and --previous, and --grep on a plane, read \
      them, and each line names its replica. Other logs are only the last lines of replicas that serve.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Flag(name: .shortAndLong, help: "Follow: print new output until interrupted.") var follow = false
  @Option(help: "Only this served entity. (default: all)", completion: .entities) var entity: String?
  @Flag(
    help: ArgumentHelp(
      "Print the startup log instead: a workspace's container build, or a plane's server output until it was ready.")
  )
  var build = false
  @Option(
    help: ArgumentHelp(
      "Only lines newer than this, such as 1h. (default: 1h; all with --replica or --previous)", valueName: "TIME"))
  var since: TimeSpan?
  @Option(help: ArgumentHelp("Only lines that match this regular expression.", valueName: "RE")) var grep: String?
  @Option(
    help: ArgumentHelp(
      "Only lines of this replica, also if it has ended; the beginning of its ID is enough.", valueName: "ID"))
  var replica: String?
  @Flag(help: "Only lines of the replicas of the version before the current one.") var previous = false
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func validate() throws {
    if let option = recordOption, build { throw ValidationError("--build and \(option) cannot be combined") }
    if previous, follow { throw ValidationError("--previous and --follow cannot be combined") }
    do { _ = try grep.map { try LinePattern($0) } } catch {
      throw ValidationError("the value of --grep is not a valid regular expression")
    }
  }

  func run() async throws {
    let connection = try provider.connect()
    let live = try await LiveEndpoint.require(name, connection)
    let pattern = try grep.map { try LinePattern($0) }
    if try await showRecorded(connection, pattern) { return }
    let entities = try entities(of: live.observed)
    var logs = Dictionary(uniqueKeysWithValues: entities.map { ($0, FollowedLog()) })
    while true {
      for entity in entities {
        let lines = logs[entity]?.newLines(in: try await text(of: entity, connection)) ?? []
        for line in lines where pattern?.matches(line) ?? true {
          try show(line, of: entity, isNamed: entities.count > 1)
        }
      }
      guard follow else { return }
      try await CommandContext.current.timing.sleep(.seconds(2))
    }
  }

  /// The option that only recorded lines can answer; nil if none was given.
  private var recordOption: String? {
    if since != nil { return "--since" }
    if replica != nil { return "--replica" }
    return previous ? "--previous" : nil
  }

  /// Prints lines that a plane has recorded, if the options ask for them.
  ///
  /// - Returns: false if the replicas' own logs are to be printed.
  private func showRecorded(_ connection: Connection, _ pattern: LinePattern?) async throws -> Bool {
    if let recordOption {
      try await connection.requirePlane(
        why: "\(recordOption) reads the lines that a plane has recorded",
        next: "run the command without \(recordOption): a workspace returns the last lines of its logs")
    } else {
      guard pattern != nil, !build, await connection.client.isPlane() else { return false }
    }
    // Of a replica or a version that is gone, everything that is kept.
    let span = min(since?.seconds ?? (replica != nil || previous ? .max : 3600), 400 * 86_400)
    var log = RecordedLog(
      endpoint: name, since: max(0, CommandContext.current.now() - span * 1000), replica: replica, isPrevious: previous)
    var (isFirst, isEmpty) = (true, true)
    while true {
      let page: (lines: [WireRecordedLine], isComplete: Bool)
      do {
        page = try await connection.measured { try await log.next($0) }
      } catch is ErrorReport where isFirst && recordOption == nil {
        return false
      }
      isFirst = false
      for line in page.lines where (entity == nil || line.entity == entity) && pattern?.matches(line.body) ?? true {
        isEmpty = false
        let console = CommandContext.current.console
        switch output {
        case .json: try console.json(line.listed, .compact)
        case .text: try console.stream(line.text(isNamed: replica == nil) + "\n")
        }
      }
      guard page.isComplete else { continue }
      guard follow else { break }
      try await CommandContext.current.timing.sleep(.seconds(1))
    }
    if isEmpty { CommandContext.current.console.note("no matching lines are recorded") }
    return true
  }

  private func show(_ line: String, of entity: String, isNamed: Bool) throws {
    let console = CommandContext.current.console
    switch output {
    case .json: try console.json(["entity": .string(entity), "line": .string(line)], .compact)
    case .text: try console.stream(isNamed ? "[\(entity)] \(line)\n" : "\(line)\n")
    }
  }

  private func entities(of endpoint: ObservedEndpoint) throws -> [String] {
    let names = endpoint.entityNames
    guard let entity else {
      guard !names.isEmpty else {
        throw ErrorReport("\(name) is not serving anything yet", next: "\"setpoint describe \(name)\" shows why")
      }
      return names
    }
    guard names.contains(entity) else {
      throw ErrorReport("\(name) has no served entity \(entity)", next: Choices.advice(names))
    }
    return [entity]
  }

  private func text(of entity: String, _ connection: Connection) async throws -> String {
    build
      ? try await connection.provider.buildLogs(name, entity: entity)
      : try await connection.provider.logs(name, entity: entity)
  }
}

extension ObservedEndpoint {
  /// The names of its served entities; those of the pending config first.
  var entityNames: [String] {
    let configs = [pending, active].compactMap { $0?.config }
    var names: [String] = []
    for entity in configs.flatMap(\.entities) where !names.contains(entity.name) { names.append(entity.name) }
    return names
  }
}
