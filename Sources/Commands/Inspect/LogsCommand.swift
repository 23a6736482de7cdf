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
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Flag(name: .shortAndLong, help: "Follow: print new output until interrupted.") var follow = false
  @Option(help: "Only this served entity. (default: all)", completion: .entities) var entity: String?
  @Flag(
    help: ArgumentHelp(
      "Print the startup log instead: a workspace's container build, or a plane's server output until it was ready.")
  )
  var build = false
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions

  func run() async throws {
    let connection = try provider.connect()
    let live = try await LiveEndpoint.require(name, connection)
    let entities = try entities(of: live.observed)
    var logs = Dictionary(uniqueKeysWithValues: entities.map { ($0, FollowedLog()) })
    while true {
      for entity in entities {
        let lines = logs[entity]?.newLines(in: try await text(of: entity, connection)) ?? []
        for line in lines {
          try show(line, of: entity, isNamed: entities.count > 1)
        }
      }
      guard follow else { return }
      try await CommandContext.current.timing.sleep(.seconds(2))
    }
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
