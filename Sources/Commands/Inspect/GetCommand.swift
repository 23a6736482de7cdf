internal import ArgumentParser
internal import CanonicalJSON
internal import Controller
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI
internal import Storage

struct GetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "List live endpoints, or show one.",
    discussion: """
      "-o yaml" prints manifests that "apply -f" accepts, as "setpoint import" does; "-o json" prints the provider's \
      response. A plain environment value that may be a credential is never printed.
      """)

  @Argument(help: "Endpoint names. (default: all except Databricks' own)", completion: .endpoints)
  var names: [String] = []
  @Option(name: .outputFormat, help: "The output format.") var output = ListFormat.table
  @OptionGroup var prices: PriceOptions
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var workspace: WorkspaceOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let prices = try self.prices.read()
    let connection = try provider.connect()
    let console = CommandContext.current.console
    if output == .yaml {
      let outcomes = try await LiveImport.outcomes(names, at: connection)
      return try ImportReport(outcomes, isSelected: !names.isEmpty).print()
    }
    let asked =
      names.isEmpty ? try await connection.provider.list().filter { !$0.isReserved }.map(\.name) : names
    let found = try await mapConcurrently(asked, limit: 16) { name in
      try await LiveEndpoint.find(name, connection.provider)
    }
    let endpoints = found.compactMap(\.self)
    let reports =
      output == .table || output == .wide
      ? try await reports(on: endpoints.map(\.observed), at: connection.target.url) : LocalReports()
    let cost = try prices.map { prices in
      FleetCost(endpoints.map(\.observed), prices: prices, on: try workspace.site(at: connection.target)?.cloud)
    }
    try show(endpoints, reports, cost, console)
    guard !names.isEmpty else { return }
    let missing = zip(names, found).filter { $0.1 == nil }.map(\.0)
    for name in missing { console.note("error: endpoint \(name) not found at \(connection.target.url)") }
    guard !missing.isEmpty else { return }
    console.note("  next:  \(await LiveEndpoint.next(forMissing: missing, connection.provider))")
    throw ExitCode(1)
  }

  /// What the state directory records about live endpoints.
  private struct LocalReports {
    /// The statuses reported by running controllers, by endpoint.
    var statuses: [String: EndpointStatus] = [:]
    /// The endpoints whose failed update is over, although the provider still reports it.
    var pastFailures: Set<String> = []
  }

  /// Live state is shown even if the history cannot be read, unless a state directory was named.
  private func reports(on endpoints: [ObservedEndpoint], at host: String) async throws -> LocalReports {
    do {
      let (history, directory) = (try state.readHistory(), try state.directory)
      let now = Timestamp(milliseconds: CommandContext.current.now())
      var reports = LocalReports()
      for key in try await history.fleets(host: host) {
        guard let fleet = try await history.status(of: key)?.withLease(in: directory), fleet.isCurrent(at: now) else {
          continue
        }
        for status in fleet.endpoints { reports.statuses[status.name] = status }
      }
      for endpoint in endpoints where endpoint.reportsFailure {
        let memory = try await history.memory(of: EndpointKey(host: host, name: endpoint.name)).memory
        if endpoint.hasPastFailure(reports.statuses[endpoint.name], memory) {
          reports.pastFailures.insert(endpoint.name)
        }
      }
      return reports
    } catch let error as StorageError where state.state == nil {
      if error.kind != .noDirectory { CommandContext.current.console.note("warning: \(error.message)") }
      return LocalReports()
    }
  }

  private func show(
    _ endpoints: [LiveEndpoint], _ reports: LocalReports, _ cost: FleetCost?, _ console: Console
  ) throws {
    switch output {
    case .table, .wide:
      let table = EndpointTable.table(
        endpoints.map(\.observed), statuses: reports.statuses, pastFailures: reports.pastFailures,
        isWide: output == .wide, now: CommandContext.current.now())
      if table.isEmpty, !names.isEmpty { return }
      if table.isEmpty { return console.note("no endpoints; \"setpoint apply -f FILE\" creates one") }
      for line in table.lines(console.outputPalette) { try console.result(line) }
      for line in cost?.lines(console.outputPalette) ?? [] { try console.result(line) }
    case .json:
      let items = endpoints.map { CredentialNames.shown($0.details.json) }
      let isOne = names.count == 1
      if isOne, items.isEmpty { return }
      var shown = isOne ? items[0].objectValue ?? [:] : ["kind": "EndpointList", "items": .array(items)]
      if let cost { shown["cost"] = cost.json }
      try console.json(.object(shown))
    case .yaml: break
    }
  }
}

/// An endpoint with everything that the provider reports about it.
struct LiveEndpoint: Sendable {
  let observed: ObservedEndpoint
  let details: WireEndpoint

  /// Returns nil if no endpoint has that name.
  static func find(_ name: String, _ provider: some ServingProvider) async throws -> LiveEndpoint? {
    do {
      let details = try await provider.details(name)
      return LiveEndpoint(observed: details.observed(as: name), details: details)
    } catch let error as ServingError where error.isAbsence {
      return nil
    }
  }

  /// - Throws: an ``ErrorReport`` with the next command to run if no endpoint has that name.
  static func require(_ name: String, _ connection: Connection) async throws -> LiveEndpoint {
    guard let endpoint = try await find(name, connection.provider) else { throw await missing(name, connection) }
    return endpoint
  }

  /// Returns the result of `body`.
  ///
  /// - Throws: for ``NoSuchEndpoint``, an ``ErrorReport`` with the next command to run.
  static func required<Value>(_ connection: Connection, _ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as NoSuchEndpoint {
      throw await missing(error.name, connection)
    }
  }

  private static func missing(_ name: String, _ connection: Connection) async -> ErrorReport {
    ErrorReport(
      "endpoint \(name) not found at \(connection.target.url)",
      next: await next(forMissing: [name], connection.provider))
  }

  /// Returns what to do about names that no endpoint has.
  static func next(forMissing names: [String], _ provider: some ServingProvider) async -> String {
    // Only a suggestion depends on the list.
    let known = (try? await provider.list()) ?? []
    return KnownNames.next(
      names, among: known.filter { !$0.isReserved }.map(\.name),
      otherwise: "\"setpoint get\" lists the endpoints there")
  }
}
