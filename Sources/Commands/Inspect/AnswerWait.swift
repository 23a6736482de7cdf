internal import Endpoints
internal import Planning
internal import ServingAPI

/// Waits for an endpoint's answer, and for the endpoint if it is starting; reports its state meanwhile, and explains why no
/// answer came.
struct AnswerWait: Sendable {
  let endpoint: String
  /// The served entity that must answer; nil: any.
  let entity: String?
  let provider: APIProvider
  /// The provider's address.
  let target: String
  /// For the endpoint and its answer together.
  let timeout: Duration

  /// The reason why a request was not answered.
  struct Refusal: Error {
    /// The HTTP status; nil if the request timed out.
    let status: Int?
    let kind: ServingError.Kind
    /// The server's message.
    let message: String
    /// The error to report if the endpoint cannot be observed.
    let error: any Error
  }

  /// The number of heartbeats between two checks of the endpoint: about ten seconds.
  private static let beats = 10

  /// Returns the result of `body`, which is given the remaining time and called again once a starting endpoint is ready.
  ///
  /// - Throws: an ``ErrorReport`` if the endpoint cannot answer, or failed to start and never will.
  func run<Answer: Sendable>(_ body: @escaping @Sendable (_ left: Duration) async throws -> Answer) async throws
    -> Answer
  {
    try await withThrowingTaskGroup(of: Answer?.self) { group in
      group.addTask { try await answer(body) }
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
  }

  /// Returns the answer if it is one.
  ///
  /// - Throws: ``Refusal`` for an error status.
  func checked(_ answer: ChatAnswer) throws -> ChatAnswer {
    guard let kind = answer.failure else { return answer }
    throw Refusal(
      status: answer.status, kind: kind, message: answer.text,
      error: ErrorReport(
        "\(endpoint) responded with HTTP \(answer.status)", why: answer.text, next: Self.next(endpoint)))
  }

  private func answer<Answer: Sendable>(_ body: (_ left: Duration) async throws -> Answer) async throws -> Answer {
    let timing = CommandContext.current.timing
    let end = timing.elapsed() + timeout
    while true {
      let refusal: Refusal
      do {
        return try await body(max(.seconds(1), end - timing.elapsed()))
      } catch let error as Refusal {
        refusal = error
      } catch let error as ServingError where error.status != nil || error.kind == .timeout {
        refusal = Refusal(status: error.status, kind: error.kind, message: error.serverMessage, error: error)
      }
      let observed: Observed
      do {
        observed = try await provider.observe(endpoint)
      } catch let error as ServingError where error.kind == .unauthenticated {
        // Says where the token came from.
        throw error
      } catch {
        throw refusal.error
      }
      let last = try await refusal.mayMeanStarting ? whileStarting(observed, until: end) : observed
      // Sent again only if the wait has ended well: any other refusal is the answer.
      guard observed.isStarting, refusal.mayMeanStarting, !last.isStarting, case .present(let live) = last,
        !live.isFailed
      else { throw await report(refusal, last) }
    }
  }

  /// Waits while the endpoint starts, and returns what was observed last.
  private func whileStarting(_ first: Observed, until end: Duration) async throws -> Observed {
    let context = CommandContext.current
    if case .present(let live) = first, live.isStarting {
      context.console.note("\(endpoint): \(Self.standing(live)); waiting until it is ready")
    }
    var observed = first
    var looks = 0
    while observed.isStarting {
      let left = end - context.timing.elapsed()
      guard left > .zero else { break }
      looks += 1
      try await context.timing.sleep(min(UpdateWait.pollInterval(looks), left))
      // A check that fails says nothing about the endpoint.
      observed = (try? await provider.observe(endpoint)) ?? observed
    }
    return observed
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
      "\(endpoint) cannot answer: it failed to start", why: live.deploymentMessages, next: Self.next(endpoint))
  }

  // MARK: - Afterwards

  private func report(_ refusal: Refusal, _ observed: Observed) async -> ErrorReport {
    let (status, message) = (refusal.status, refusal.message)
    let place = status.map { "HTTP \($0)" }
    guard case .present(let live) = observed else {
      return ErrorReport(
        "endpoint \(endpoint) not found at \(target)", place: place,
        next: await LiveEndpoint.next(forMissing: [endpoint], provider))
    }
    // The cause, which the response may repeat in more words.
    let isCause = live.isFailed || refusal.mayMeanStarting
    let why = live.deploymentMessages.isEmpty || !isCause ? message : live.deploymentMessages
    if live.isFailed {
      return ErrorReport(
        "\(endpoint) cannot answer: it failed to start", place: place, why: why, next: Self.next(endpoint))
    }
    if refusal.kind == .notFound, let entity, !live.entityNames.isEmpty, !live.entityNames.contains(entity) {
      return ErrorReport(
        "\(endpoint) has no served entity \(entity)", place: place, next: Choices.advice(live.entityNames))
    }
    guard live.readiness == .ready else {
      return ErrorReport(
        "\(endpoint) did not answer: it is not ready (\(EndpointState(live).text.lowercased()))", place: place,
        why: why,
        next: "\"setpoint wait \(endpoint)\" waits until it is ready; \"setpoint logs \(endpoint)\" shows its log"
      )
    }
    let what = status == nil ? "\(endpoint) did not answer in time" : "\(endpoint) did not answer the request"
    guard status != nil else {
      return ErrorReport(what, why: message, next: "wait longer with --timeout; " + Self.next(endpoint))
    }
    switch refusal.kind {
    case .throttled, .unavailable, .timeout:
      return ErrorReport(what, place: place, why: message, next: "retry later; " + Self.next(endpoint))
    default: return ErrorReport(what, place: place, why: message, next: Self.next(endpoint))
    }
  }

  private static func standing(_ live: ObservedEndpoint) -> String {
    let words = live.deploymentMessages
    return EndpointState(live).text.lowercased() + (words.isEmpty ? "" : ": \(words)")
  }

  private static func next(_ endpoint: String) -> String {
    "\"setpoint describe \(endpoint)\" and \"setpoint logs \(endpoint)\" show more"
  }
}

extension AnswerWait.Refusal {
  /// Whether an endpoint that is not ready yet responds like this (serving-api.md 1.3).
  fileprivate var mayMeanStarting: Bool { status != nil && (kind == .notFound || kind == .unavailable) }
}

extension Observed {
  fileprivate var isStarting: Bool { if case .present(let live) = self { live.isStarting } else { false } }
}

extension ObservedEndpoint {
  /// Whether nothing of it answers yet, and a change in progress may change that.
  fileprivate var isStarting: Bool {
    switch (readiness, update) {
    case (.notReady, .inProgress): true
    default: false
    }
  }

  /// Whether no part of it answers and no change is in progress that could fix that.
  fileprivate var isFailed: Bool {
    switch (readiness, update) {
    case (.notReady, .failed), (.notReady, .canceled): true
    default: false
    }
  }
}
