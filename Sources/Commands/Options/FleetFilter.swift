internal import ArgumentParser
internal import History

/// Which fleets of a state directory to show. No provider is queried.
struct FleetFilter: ParsableArguments {
  @Option(
    name: .customLong("fleet"),
    help: ArgumentHelp("Only this fleet. (default: SETPOINT_FLEET, else all known fleets)", valueName: "NAME"),
    completion: .fleets)
  var namedFleet: String?

  @Option(help: ArgumentHelp("Only this workspace or serving plane. (default: all)", valueName: "URL"))
  var host: String?

  init() {}

  /// The requested fleet; nil: all.
  var fleet: String? { namedFleet ?? FleetName.ofEnvironment }

  /// Returns the provider's address as stored in the history; nil if none was given.
  func address(in history: HistoryStore) async throws -> String? {
    guard let host else { return nil }
    var text = host
    while text.hasSuffix("/") { text.removeLast() }
    let candidates = text.contains("://") ? [text] : ["https://\(text)", "http://\(text)"]
    for candidate in candidates {
      if try await !history.fleets(host: candidate).isEmpty { return candidate }
      if try await !history.recordedEndpoints(host: candidate).isEmpty { return candidate }
    }
    return candidates[0]
  }
}
