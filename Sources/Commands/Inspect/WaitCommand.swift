internal import ArgumentParser
internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning
internal import ServingAPI

struct WaitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until an endpoint reaches a state.",
    discussion: """
      Changes nothing itself, and reports every ten seconds what it is waiting for. Exits with 0 once the endpoint is in \
      that state, with 1 if that can no longer happen or on timeout.
      """)

  enum Goal: String, ExpressibleByArgument, CaseIterable {
    case ready
    case deleted
  }

  @Argument(help: "The endpoint's name.", completion: .endpoints) var name: String
  @Option(name: .customLong("for"), help: "The state to wait for.") var goal = Goal.ready
  @Option(help: ArgumentHelp("How long to wait.", valueName: "TIME")) var timeout = TimeSpan(seconds: 3600)
  @Option(name: .outputFormat, help: "The output format.") var output = PlanFormat.text
  @OptionGroup var provider: ProviderOptions
  @OptionGroup var state: StateOptions

  func run() async throws {
    let connection = try provider.connect()
    let context = CommandContext.current
    let display = ProgressDisplay(console: context.console, now: context.now)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await display.keepTime(context.heartbeat) }
      defer { group.cancelAll() }
      try await wait(connection, display)
    }
  }

  private func wait(_ connection: Connection, _ display: ProgressDisplay) async throws {
    let timing = CommandContext.current.timing
    let end = timing.elapsed() + timeout.duration
    var looks = 0
    while true {
      let observed = try await connection.provider.observe(name)
      if goal == .deleted, looks == 0, case .absent = observed { try await requireRecorded(connection) }
      let progress = progress(observed)
      display.note(progress)
      switch progress.phase {
      case .done: return try await conclude(progress, connection)
      case .failed, .held:
        try await conclude(progress, connection)
        throw ExitCode(1)
      case .deciding, .sending, .waiting, .verifying: break
      }
      looks += 1
      let left = end - timing.elapsed()
      guard left > .zero else {
        var late = EndpointProgress(
          endpoint: name, phase: .failed, state: "not \(goal.rawValue)",
          detail: "timed out after \(TimeText.span(seconds: timeout.seconds))"
            + (goal == .deleted ? "" : "; the endpoint continues without this command"))
        late.namesTime = true
        display.note(late)
        try await conclude(late, connection)
        throw ExitCode(1)
      }
      try await timing.sleep(min(UpdateWait.pollInterval(looks), left))
    }
  }

  /// The name of an endpoint that never existed is probably misspelled.
  private func requireRecorded(_ connection: Connection) async throws {
    let recorded = try await state.readHistory().recordedEndpoints(host: connection.target.url).keys
    guard !recorded.contains(name) else { return }
    throw ErrorReport(
      "endpoint \(name) not found at \(connection.target.url)",
      why: "it is not in this machine's history, so it may never have existed",
      next: await LiveEndpoint.next(forMissing: [name], connection.provider))
  }

  private func conclude(_ end: EndpointProgress, _ connection: Connection) async throws {
    let console = CommandContext.current.console
    if output == .json {
      var members: [String: JSONValue] = [
        "kind": "WaitResult", "endpoint": .string(name), "for": .string(goal.rawValue), "state": .string(end.state),
        "succeeded": .bool(end.phase == .done),
      ]
      if !end.detail.isEmpty { members["why"] = .string(end.detail) }
      try console.json(console.suggestions.completed(.object(members)))
    }
    guard end.phase != .done else { return }
    console.note("  next:  \(await next(end, connection))")
  }

  private func next(_ end: EndpointProgress, _ connection: Connection) async -> String {
    if end.state == "not found" { return await LiveEndpoint.next(forMissing: [name], connection.provider) }
    return goal == .deleted ? "\"setpoint delete \(name)\" deletes it" : "\"setpoint describe \(name)\" shows why"
  }

  private func progress(_ observed: Observed) -> EndpointProgress {
    switch (observed, goal) {
    case (.absent, .deleted): return EndpointProgress(endpoint: name, phase: .done, state: "deleted")
    case (.absent, .ready):
      return EndpointProgress(endpoint: name, phase: .failed, state: "not found", detail: "no such endpoint")
    case (.present(let endpoint), .deleted):
      // The API deletes immediately and has no state for an endpoint that is being deleted.
      return EndpointProgress(
        endpoint: name, phase: .waiting, state: "not deleted",
        detail:
          "it is \(EndpointState(endpoint).text.lowercased()), and nothing is deleting it; this command only waits")
    case (.present(let endpoint), .ready):
      let state = EndpointState(endpoint).text
      let words = endpoint.deploymentMessages
      switch (endpoint.readiness, endpoint.update) {
      case (.ready, .notUpdating): return EndpointProgress(endpoint: name, phase: .done, state: "ready")
      // A failed endpoint does not change until a user changes it: there is nothing to wait for.
      case (_, .failed), (_, .canceled):
        return EndpointProgress(endpoint: name, phase: .failed, state: state, detail: words)
      // An empty endpoint, or one whose replicas are gone, may be waited for while another command changes it.
      case (_, .notUpdating):
        return EndpointProgress(
          endpoint: name, phase: .waiting, state: state, detail: words.isEmpty ? "no update is in progress" : words)
      default: return EndpointProgress(endpoint: name, phase: .waiting, state: state, detail: words)
      }
    }
  }
}
