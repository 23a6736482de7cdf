internal import ArgumentParser
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI
internal import Storage

struct DescribeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Show the details of one endpoint.",
    discussion: """
      Shows its state and the reason, its configs, holds, revisions and events; on a serving plane also its replicas, \
      with the phases of their starts. If the provider cannot be reached, shows what is recorded in the state \
      directory, and exits with 1.
      """)

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let place = try provider.place()
    do {
      try await describe(at: try place.connection.get())
    } catch let error where Self.isOutage(error) {
      do {
        try await showRecords(at: place.url)
      } catch is StorageError {
        // If the records cannot be read either, the outage is the error to report.
      }
      throw error
    }
  }

  private func describe(at connection: Connection) async throws {
    let context = CommandContext.current
    let found = try await LiveEndpoint.require(name, connection)
    let live = try await found.observed.withAccess(from: connection.provider)
    let history = try state.readHistory()
    let key = EndpointKey(host: connection.target.url, name: name)
    let directory = try state.directory
    let controllers = try await history.statuses(of: key).map { ($0.fleet.withLease(in: directory), $0.status) }
    let values = [live.active, live.pending].compactMap { $0?.config }
    let plane = try await connection.planeReplicas(of: name, newest: 20)
    let events = try await history.events(of: key, newest: 20) + (plane?.events ?? [])
    let description = EndpointDescription(
      endpoint: live, target: connection.target.url, recorded: try await history.memory(of: key, values: values),
      events: events.sorted { $0.at < $1.at }, replicas: plane?.replicas, statuses: controllers,
      now: context.now())
    var console = context.console
    // The suggested commands act for the endpoint's own fleet.
    if let fleet = live.fleet { console.suggestions.fleet = fleet }
    switch output {
    case .json: try console.json(description.json(found.details, console.suggestions))
    case .text: for line in description.lines(console.outputPalette) { try console.result(line) }
    }
  }
}

extension DescribeCommand {
  /// Whether the provider cannot be queried, regardless of the endpoint.
  private static func isOutage(_ error: any Error) -> Bool {
    switch error {
    case let error as TargetError: error.stoppedPlane != nil
    case let error as ServingError: [.network, .timeout, .unavailable].contains(error.kind)
    default: false
    }
  }

  private func showRecords(at url: String) async throws {
    let history = try state.readHistory()
    let context = CommandContext.current
    let key = EndpointKey(host: url, name: name)
    let directory = try state.directory
    let records = RecordedDescription(
      name: name, target: url, recorded: try await history.memory(of: key),
      events: try await history.events(of: key, newest: 20),
      statuses: try await history.statuses(of: key).map {
        (fleet: $0.fleet.withLease(in: directory), status: $0.status)
      },
      now: Timestamp(milliseconds: context.now()))
    guard !records.isEmpty else { return }
    switch output {
    case .json: try context.console.json(records.json(context.console.suggestions))
    case .text: for line in records.lines(context.console.outputPalette) { try context.console.result(line) }
    }
  }
}

extension ObservedEndpoint {
  /// Returns the endpoint with its permissions. A plane has none, which is not worth reporting.
  fileprivate func withAccess(from provider: some ServingProvider) async throws -> ObservedEndpoint {
    var copy = self
    var settings = settings ?? ObservedSettings()
    do {
      settings.access = try await provider.access(id: id)
    } catch let error as ServingError {
      guard !error.isMissingCall else { return self }
      settings.access = ObservedAccess(problem: error.serverMessage)
    }
    copy.settings = settings
    return copy
  }
}
