internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

struct DeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete endpoints that belong to the fleet.",
    discussion: """
      An endpoint that belongs to another fleet, or to none, is not deleted; nor is one with deletionPolicy: Retain, unless \
      --retained is given. As long as an endpoint has a manifest, the next apply creates it again.
      """)

  @Argument(help: "The endpoints' names.", completion: .endpoints) var names: [String]
  @Flag(help: "Delete the endpoint even if its deletion policy is Retain.") var retained = false
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let connection = try provider.connect()
    let console = CommandContext.current.console
    let history = try state.openHistory()
    // A name that is given twice is deleted once.
    var names: [String] = []
    for name in self.names where !names.contains(name) { names.append(name) }
    var deleted: [String] = []
    do {
      // Every endpoint is checked before any is deleted: one wrong name among several deletes nothing.
      for name in names { try refuse(try await LiveEndpoint.require(name, connection).observed) }
      let (fleet, target) = (provider.fleet, connection.target.url)
      if let controller = RunningController(of: fleet, at: target, in: try state.directory) {
        controller.warn(beforeDeleting: names, console)
      }
      for name in names {
        try await connection.provider.delete(name)
        deleted.append(name)
        if output == .text { try console.result("\(name): deleted") }
        let now = Timestamp(milliseconds: CommandContext.current.now())
        try await history.record(
          [.received(.accepted(id: nil, version: nil), .delete(name: name), at: now)],
          of: EndpointKey(host: connection.target.url, name: name), fleet: provider.fleet, at: now)
      }
    } catch {
      if output == .json, !deleted.isEmpty { try showJSON(deleted) }
      throw report(on: error, deleted: deleted, of: names)
    }
    if output == .json { try showJSON(deleted) }
  }

  private func showJSON(_ deleted: [String]) throws {
    try CommandContext.current.console.json(["kind": "DeleteResult", "deleted": .array(deleted.map { .string($0) })])
  }

  /// Returns the error, with the outcome of the other endpoints if there are several.
  private func report(on error: any Error, deleted: [String], of names: [String]) -> any Error {
    guard names.count > 1, !(error is CancellationError), !(error is OutputClosed) else { return error }
    let report = ErrorReport(of: error)
    let done: String
    switch (deleted.isEmpty, (error as? ServingError)?.outcomeUnknown ?? false) {
    case (true, true): done = ""
    case (true, false): done = "; nothing was deleted"
    case (false, _): done = "; deleted before that: \(deleted.joined(separator: ", "))"
    }
    return ErrorReport(report.what + done, place: report.place, why: report.why, next: report.next)
  }

  private func refuse(_ endpoint: ObservedEndpoint) throws {
    guard endpoint.belongs(to: provider.fleet) else {
      throw ErrorReport(
        "\(endpoint.name) does not belong to the fleet, so it is not deleted",
        why: endpoint.fleet == nil
          ? endpoint.ownerClause : "\(endpoint.ownerClause), and this command acts for fleet \"\(provider.fleet)\"",
        next: endpoint.fleet.map {
          "to act for that fleet: \"setpoint delete \(endpoint.name) --fleet \(ShellWord.quoted($0))\""
        }
          ?? "delete it with the tool that created it, or adopt it first: "
          + "\"setpoint import \(endpoint.name) | setpoint apply -f - --adopt\"")
    }
    guard retained || !endpoint.isRetained else {
      throw ErrorReport(
        "\(endpoint.name) is protected: its deletion policy is Retain",
        next: "change deletionPolicy in its manifest and apply it, or pass --retained")
    }
  }
}
