/// Judges from a replica's metrics whether its engine makes progress.
///
/// `/health` stays 200 while an engine is frozen, and so does `/metrics`, with numbers that no longer change; so a busy
/// engine is judged by its counters, and an idle one is asked for a token.
struct LivenessMachine: Sendable {
  /// The result of one check of a replica.
  enum Observation: Hashable, Sendable {
    /// The metrics were read: the requests being generated, and a counter that grows with every step of the engine.
    case metrics(running: Double, progress: Double)
    /// A requested token was generated.
    case token
    /// The request for a token timed out.
    case noToken
    /// `/health` reports that the engine is dead.
    case engineDead
    /// The server did not respond.
    case unreachable(String)
  }

  /// The next action.
  enum Action: Hashable, Sendable {
    /// Nothing is wrong; check again after the usual interval.
    case checkAgain
    /// The engine is idle, or has not moved since the last check: request a token.
    case askForToken
    /// The engine is dead or frozen.
    case replace(ReplicaFailure)
  }

  /// How long a busy engine may make no progress, or a server may be silent, before it counts as dead.
  let patience: Duration
  /// The minimum interval between token requests to an idle engine.
  let tokenEvery: Duration
  private var lastProgress: Double?
  private var lastToken: Duration?
  /// When the engine last made progress.
  private var lastMove: Duration

  /// - Parameter now: time relative to any fixed moment, as are all later times.
  init(patience: Duration, tokenEvery: Duration, now: Duration) {
    self.patience = patience
    self.tokenEvery = tokenEvery
    lastMove = now
  }

  /// Judges a check of a replica that may be in trouble. Then only a token shows that its engine works: the numbers may
  /// be older than the trouble.
  mutating func observe(_ observation: Observation, isTroubled: Bool, now: Duration) -> Action {
    let action = observe(observation, now: now)
    if isTroubled, case .metrics = observation { return .askForToken }
    return action
  }

  mutating func observe(_ observation: Observation, now: Duration) -> Action {
    switch observation {
    case .token:
      lastMove = now
      lastToken = now
      return .checkAgain
    case .metrics(let running, let progress):
      let moved = lastProgress.map { progress != $0 } ?? true
      lastProgress = progress
      if running == 0, let lastToken, now - lastToken < tokenEvery { return .checkAgain }
      guard moved, running > 0 else { return .askForToken }
      lastMove = now
      return .checkAgain
    case .engineDead:
      return .replace(
        ReplicaFailure("vLLM's engine is dead: /health returns HTTP 503", code: StartFailure.Code.unresponsive))
    case .noToken:
      return overdue(now, "vLLM's engine is stuck: no token for \(now - lastMove)")
    case .unreachable(let reason):
      return overdue(now, "vLLM's server does not respond: \(reason)")
    }
  }

  private func overdue(_ now: Duration, _ explanation: String) -> Action {
    now - lastMove >= patience
      ? .replace(ReplicaFailure(explanation, code: StartFailure.Code.unresponsive)) : .checkAgain
  }
}
