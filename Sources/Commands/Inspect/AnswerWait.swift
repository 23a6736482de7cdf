internal import Endpoints
internal import Planning
internal import ServingAPI

/// Waits for an endpoint's answer, reports the endpoint's state meanwhile, and explains why no answer came.
struct AnswerWait: Sendable {
  let endpoint: String
  let provider: APIProvider
  /// The provider's address.
  let target: String

  /// The number of heartbeats between two checks of the endpoint: about ten seconds.
  private static let beats = 10

  /// Returns the result of `body`.
  ///
  /// - Throws: an ``ErrorReport`` if the endpoint cannot answer, or failed to start and never will.
  func run<Answer: Sendable>(_ body: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
    do {
      return try await withThrowingTaskGroup(of: Answer?.self) { group in
        group.addTask { try await body() }
        group.addTask {
          try await watch()
          return nil
        }
        defer { group.cancelAll() }
        while let ended = try await group.next() {
          if let answer = ended { return answer }
        }
        throw CancellationError()
      }
    } catch let error as ServingError where error.status != nil || error.kind == .timeout {
      throw await report(status: error.status, words: error.serverMessage) ?? error
    }
  }

  /// Returns why the answer had an error status, taking the state of the endpoint into account.
  func report(_ answer: ChatAnswer) async -> ErrorReport {
    await report(status: answer.status, words: answer.text)
      ?? ErrorReport("\(endpoint) responded with HTTP \(answer.status)", why: answer.text, next: Self.next(endpoint))
  }

  // MARK: - While waiting

  private func watch() async throws {
    let context = CommandContext.current
    var beats = 0
    while await context.heartbeat() {
      beats += 1
      guard beats % Self.beats == 0, case .present(let live) = try? await provider.observe(endpoint) else { continue }
      if live.isFailed { throw notComing(live) }
      let words = live.readiness == .ready ? "waiting for an answer" : Self.standing(live)
      context.console.note("\(endpoint): \(words) (\(TimeText.span(seconds: Int64(beats))))")
    }
  }

  private func notComing(_ live: ObservedEndpoint) -> ErrorReport {
    ErrorReport(
      "\(endpoint) cannot answer: it failed to start", why: live.deploymentWords, next: Self.next(endpoint))
  }

  // MARK: - Afterwards

  /// Returns nil if the endpoint cannot be observed: the first failure is then the better one to report.
  private func report(status: Int?, words: String) async -> ErrorReport? {
    guard let observed = try? await provider.observe(endpoint) else { return nil }
    let place = status.map { "HTTP \($0)" }
    guard case .present(let live) = observed else {
      return ErrorReport(
        "endpoint \(endpoint) not found at \(target)", place: place,
        next: await LiveEndpoint.next(forMissing: [endpoint], provider))
    }
    // A plane's response already contains the replicas' messages; a workspace's does not.
    let why = words.contains(live.deploymentWords) ? words : "\(words)\n\(live.deploymentWords)"
    if live.isFailed {
      return ErrorReport(
        "\(endpoint) cannot answer: it failed to start", place: place, why: why, next: Self.next(endpoint))
    }
    guard live.readiness == .ready else {
      return ErrorReport(
        "\(endpoint) did not answer: it is not ready (\(EndpointState(live).text.lowercased()))", place: place,
        why: why,
        next: "\"setpoint wait \(endpoint)\" waits until it is ready; \"setpoint logs \(endpoint)\" shows its log"
      )
    }
    let what = status == nil ? "\(endpoint) did not answer in time" : "\(endpoint) did not answer the request"
    switch status {
    case nil: return ErrorReport(what, why: words, next: "give it more time with --timeout; " + Self.next(endpoint))
    case 429, 503, 504:
      return ErrorReport(what, place: place, why: words, next: "try again later; " + Self.next(endpoint))
    default: return ErrorReport(what, place: place, why: words, next: Self.next(endpoint))
    }
  }

  private static func standing(_ live: ObservedEndpoint) -> String {
    let words = live.deploymentWords
    return EndpointState(live).text.lowercased() + (words.isEmpty ? "" : ": \(words)")
  }

  private static func next(_ endpoint: String) -> String {
    "\"setpoint describe \(endpoint)\" and \"setpoint logs \(endpoint)\" show more"
  }
}

extension ObservedEndpoint {
  /// Whether no part of it answers and no change is in progress that could fix that.
  fileprivate var isFailed: Bool {
    switch (readiness, update) {
    case (.notReady, .failed), (.notReady, .canceled): true
    default: false
    }
  }
}
