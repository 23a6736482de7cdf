internal import ArgumentParser
internal import History

/// Which of the fleets that a state directory knows. No provider is asked.
struct FleetFilter: ParsableArguments {
  @Option(
    name: .customLong("fleet"),
    help: ArgumentHelp("Only this fleet. (default: SETPOINT_FLEET, else all known fleets)", valueName: "NAME"))
  var namedFleet: String?

  @Option(help: ArgumentHelp("Only this workspace or serving plane. (default: all)", valueName: "URL"))
  var host: String?

  init() {}

  /// The fleet that is asked for; nil: all.
  var fleet: String? { namedFleet ?? FleetName.ofEnvironment }

  /// The provider's address as history knows it; nil where none was given.
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
