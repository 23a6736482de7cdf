internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI
internal import Storage

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "List an endpoint's revisions applied from this machine.",
    discussion: "\"setpoint rollback NAME --to N\" restores a good revision.")

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Flag(help: "Also list events.") var events = false
  @Option(name: .outputFormat, help: "The output format: table or json.") var output = TableFormat.table
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let (url, connection) = try provider.place()
    let console = CommandContext.current.console
    // The history does not depend on the plane.
    if case .failure(let error) = connection { console.note("warning: \(error.message)") }
    let history = try state.readHistory()
    let key = EndpointKey(host: url, name: name)
    let recorded = try await history.memory(of: key)
    let events = events ? try await history.events(of: key) : []
    guard recorded.version > 0 else {
      let known = try await history.recordedEndpoints(host: url).keys
      throw ErrorReport(
        "no history for \(name) at \(url) in this state directory",
        next: KnownNames.next(
          [name], among: known.sorted(),
          otherwise: "history is kept on the machine that runs \"setpoint apply\"; select its directory with "
            + "--state DIR"))
    }
    switch output {
    case .table:
      for line in RevisionTable.table(recorded).lines(console.outputPalette) { try console.result(line) }
      for (_, error) in recorded.unreadable.sorted(by: { $0.key < $1.key }) { console.note(error.message) }
      guard !events.isEmpty else { return }
      try console.result("")
      for line in EventTable.table(events).lines(console.outputPalette) { try console.result(line) }
    case .json:
      var members: [String: JSONValue] = [
        "kind": "History", "endpoint": .string(name), "target": .string(url),
        "revisions": .array(recorded.memory.revisions.map { RevisionTable.json($0, recorded) }),
      ]
      if self.events { members["events"] = .array(events.map(EventTable.json)) }
      try console.json(.object(members))
    }
  }
}
