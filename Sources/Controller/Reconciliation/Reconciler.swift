package import Endpoints
package import History
package import Planning
package import ServingAPI

/// One pass over one endpoint: observe, decide, take one step, record the result. Level-triggered: no state is carried
/// from pass to pass except live state and the history.
package struct Reconciler: Sendable {
  package let provider: any ServingProvider
  package let history: HistoryStore
  package let options: DecisionOptions
  /// Throws if a served entity's version does not exist or cannot be served; see ``ServableCheck``.
  package let servable: ServableCheck
  /// Whether an update waits for versions that the registry does not have; false: they are sent, and the provider
  /// decides.
  let gatesVersions: Bool
  let now: @Sendable () -> Timestamp
  /// A number from 0 up to 1; spreads the retries after a failure.
  let chance: @Sendable () -> Double
  private let collector: RolloutEvidenceCollector

  /// A function that checks with the registry whether a version can be served: it returns if it can, throws
  /// `ModelRegistryError` if it cannot, and any other error if that is unknown.
  package typealias ServableCheck = @Sendable (ServedEntity) async throws -> Void

  package init(
    provider: any ServingProvider, history: HistoryStore, options: DecisionOptions,
    servable: @escaping ServableCheck, gatesVersions: Bool = true, now: @escaping @Sendable () -> Timestamp,
    chance: @escaping @Sendable () -> Double = { 0 }
  ) {
    self.init(
      provider: provider, history: history, options: options, servable: servable, gatesVersions: gatesVersions,
      now: now,
      chance: chance,
      collector: RolloutEvidenceCollector())
  }

  private init(
    provider: any ServingProvider, history: HistoryStore, options: DecisionOptions,
    servable: @escaping ServableCheck, gatesVersions: Bool, now: @escaping @Sendable () -> Timestamp,
    chance: @escaping @Sendable () -> Double, collector: RolloutEvidenceCollector
  ) {
    self.provider = provider
    self.history = history
    self.options = options
    self.servable = servable
    self.gatesVersions = gatesVersions
    self.now = now
    self.chance = chance
    self.collector = collector
  }

  /// Returns a copy with other options.
  func with(_ options: DecisionOptions) -> Reconciler {
    Reconciler(
      provider: provider, history: history, options: options, servable: servable, gatesVersions: gatesVersions,
      now: now,
      chance: chance,
      collector: collector)
  }

  /// Returns the key under which the history stores an endpoint of this provider.
  package func key(_ name: String) -> EndpointKey { EndpointKey(host: provider.target.url, name: name) }

  /// Reads one endpoint. A failure to read it becomes part of the observation, since decisions depend on it.
  package func observe(_ name: String, desired: Desired) async throws -> Observation {
    try await reading(name, desired).observed
  }

  private func reading(
    _ name: String, _ desired: Desired
  ) async throws -> (observed: Observation, failure: ServingError?) {
    if case .present(let endpoint, _) = desired { provider.keepSecrets(of: name, in: endpoint.config) }
    do {
      switch try await provider.observe(name) {
      case .absent: return (.absent, nil)
      case .present(let endpoint): return (try await withAccess(.present(endpoint), desired), nil)
      }
    } catch let error as ServingError {
      return (.unreadable(error.description), error)
    }
  }

  /// Reads an endpoint and its memory, and makes a decision.
  package func assess(_ name: String, desired: Desired) async throws -> Assessment {
    let (observed, failure) = try await reading(name, desired)
    let readAt = now()
    let recorded = try await history.memory(of: key(name), values: Self.values(desired, observed))
    let withEvidence = try await addingEvidence(observed, of: recorded.memory, name, desired)
    return try await assess(name, desired, withEvidence, recorded, readAt: readAt, failure: failure)
  }

  /// Adds the evidence of the rollout to be judged to the observation, if the rollout failed.
  private func addingEvidence(
    _ observed: Observation, of memory: Memory, _ name: String, _ desired: Desired
  ) async throws -> Observation {
    if case .absent = observed { collector.forget(name) }
    guard case .present(let endpoint) = observed else { return observed }
    guard let attempt = memory.attempt else {
      collector.forget(endpoint.name)
      return observed
    }
    var rollout = memory.rollout(of: attempt.digest)
    if rollout == nil, case .present(_, let wanted) = desired, wanted.digest == attempt.digest { rollout = wanted }
    return .present(
      try await collector.watch(
        endpoint, attempt: attempt.openedAt, entities: rollout?.config.entities.map(\.name) ?? [],
        provider: provider, now: now()))
  }

  private func assess(
    _ name: String, _ desired: Desired, _ observed: Observation, _ recorded: RecordedMemory, readAt: Timestamp,
    failure: ServingError? = nil
  ) async throws -> Assessment {
    var decision = decide(
      desired: desired, observed: observed, memory: recorded.memory, now: now(), options: options)
    if let upcoming = decision.upcoming(recorded.memory),
      let missing = try await missing(in: upcoming, observed, recorded.memory)
    {
      decision = decide(
        desired: .unknown(missing), observed: observed, memory: recorded.memory, now: now(), options: options)
    }
    return Assessment(
      name: name, desired: desired, observed: observed, recorded: recorded, decision: decision, readAt: readAt,
      failure: failure)
  }

  /// Returns the configs that may contain environment values that the history stores only as codes.
  static func values(_ desired: Desired, _ observed: Observation) -> [EndpointConfig] {
    var values: [EndpointConfig] = []
    if case .present(let endpoint, _) = desired { values.append(endpoint.config) }
    if case .present(let endpoint) = observed {
      values += [endpoint.active, endpoint.pending].compactMap { $0?.config }
    }
    return values
  }

  /// The result of one observation.
  package struct Assessment: Sendable {
    package let name: String
    package let desired: Desired
    package let observed: Observation
    package let recorded: RecordedMemory
    package let decision: Decision
    /// When the provider was read.
    package let readAt: Timestamp
    /// Why it could not be read; nil: it could.
    package let failure: ServingError?
  }
}

extension Reconciler {
  /// Takes the next step of a decision. Waiting is up to the caller.
  ///
  /// - Returns: the next assessment if only the memory changed and live state was read a moment ago; nil if live state
  ///   has to be read again.
  /// - Throws: `StorageError` if nothing could be recorded: then nothing was sent either, unless the step was a call
  ///   that was already sent; `CancellationError` if the caller was canceled, after recording that a response may be
  ///   lost.
  package func take(_ assessment: Assessment) async throws -> Assessment? {
    switch assessment.decision.next {
    case .record(let change): return try await record(change, assessment)
    case .call(let operation): try await call(operation, assessment)
    case .verify(let request):
      let verdict = try await verify(request)
      return try await record(.verified(verdict, checksDigest: request.checksDigest, at: now()), assessment)
    case .checkTarget(let target):
      let problem = try await missing(among: target.config.entities)
      return try await record(
        .checkedTarget(Memory.TargetCheck(digest: target.digest, at: now(), problem: problem)), assessment)
    case .wait, .rest: break
    }
    return nil
  }

  private func record(_ change: MemoryChange, _ assessment: Assessment) async throws -> Assessment? {
    let recorded = try await history.record(
      [change], of: key(assessment.name), fleet: options.fleet, since: assessment.recorded.version, at: now(),
      values: Self.values(assessment.desired, assessment.observed))
    if case .closed(let closing) = change, case .failed = closing.outcome { try await noteLogs(of: assessment) }
    guard now() - assessment.readAt <= Self.freshness else { return nil }
    return try await self.assess(
      assessment.name, assessment.desired, assessment.observed, recorded, readAt: assessment.readAt)
  }

  /// Records the last log lines of a failed rollout, for later diagnosis.
  private func noteLogs(of assessment: Assessment) async throws {
    guard case .present(let endpoint) = assessment.observed else { return }
    for tail in endpoint.evidence?.tails ?? [] {
      try await history.note(
        .logTail(tail.title, tail.lines, at: now()), of: key(assessment.name), fleet: options.fleet)
    }
  }

  /// How long an observation may be acted on. No write is based on an older one.
  private static let freshness: Duration = .seconds(2)

  private func call(_ operation: Operation, _ assessment: Assessment) async throws {
    let outcome: Result<CallResult, CancellationError>
    do {
      outcome = .success(try await send(operation))
    } catch let error as ServingError {
      outcome = .success(CallResult(error))
    } catch let error as CancellationError {
      outcome = .failure(error)
    }
    // The call was sent: its result is recorded whatever else was recorded meanwhile, and even if the user has
    // interrupted.
    let callResult = (try? outcome.get()) ?? .lost("interrupted before a response arrived")
    let change = MemoryChange.received(callResult, operation, at: now(), chance: chance())
    try await history.record([change], of: key(assessment.name), fleet: options.fleet, at: now())
    if case .failure(let interruption) = outcome { throw interruption }
  }

  private func send(_ operation: Operation) async throws -> CallResult {
    switch operation {
    case .create(let name, let config, let tags, let settings):
      let outcome = try await provider.create(
        name, config: config, tags: tags, creation: settings.creation, gateway: settings.gateway,
        notifications: settings.notifications)
      switch outcome {
      case .created(let response): return CallResult(response)
      // It may be from this create or from another client; its tags show which at the next check.
      case .alreadyThere: return .lost("the response was lost, and an endpoint with this name now exists")
      }
    case .updateConfig(let name, let config): return CallResult(try await provider.updateConfig(name, to: config))
    case .patchTags(let name, let patch):
      try await provider.patchTags(name, set: patch.add, remove: patch.remove.sorted())
    case .delete(let name): try await provider.delete(name)
    case .changeSetting(let name, let change): try await send(change, to: name)
    }
    return .accepted(id: nil, version: nil)
  }
}

extension CallResult {
  fileprivate init(_ response: WriteResponse) { self = .accepted(id: response.id, version: response.announcedVersion) }
}
