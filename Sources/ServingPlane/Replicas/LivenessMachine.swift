/// Judges from what a replica's metrics say whether its engine makes progress.
///
/// `/health` stays 200 while an engine is frozen, and so does `/metrics`, with numbers that stand still; so a busy engine is
/// judged by its counters, and an idle one is asked for a token.
struct LivenessMachine: Sendable {
  /// What one look at a replica showed.
  enum Observation: Hashable, Sendable {
    /// The metrics were read: requests being generated, and a counter that grows with every step of the engine.
    case metrics(running: Double, progress: Double)
    /// A token was generated on request.
    case token
    /// The request for a token went unanswered within its time.
    case noToken
    /// `/health` says that the engine is dead.
    case engineDead
    /// The server did not answer.
    case unreachable(String)
  }

  /// What to do next.
  enum Action: Hashable, Sendable {
    /// Nothing is wrong; check again after the usual while.
    case lookAgain
    /// The engine is idle, or has not moved since the last look: ask it for a token.
    case askForToken
    /// The engine is dead or frozen.
    case replace(ReplicaFailure)
  }

  /// How long an engine with requests may stand still, and a server may be silent, before it counts as dead.
  let patience: Duration
  /// An idle engine is not asked more often than so.
  let tokenEvery: Duration
  private var lastProgress: Double?
  private var lastToken: Duration?
  /// When the engine was last seen to do something.
  private var lastMove: Duration

  /// - Parameter now: time since any fixed moment; all later times count from the same.
  init(patience: Duration, tokenEvery: Duration, now: Duration) {
    self.patience = patience
    self.tokenEvery = tokenEvery
    lastMove = now
  }

  mutating func observe(_ observation: Observation, now: Duration) -> Action {
    switch observation {
    case .token:
      lastMove = now
      lastToken = now
      return .lookAgain
    case .metrics(let running, let progress):
      let moved = lastProgress.map { progress != $0 } ?? true
      lastProgress = progress
      if running == 0, let lastToken, now - lastToken < tokenEvery { return .lookAgain }
      guard moved, running > 0 else { return .askForToken }
      lastMove = now
      return .lookAgain
    case .engineDead:
      return .replace(ReplicaFailure("vLLM's engine is dead: /health returns HTTP 503"))
    case .noToken:
      return overdue(now, "vLLM's engine is stuck: no token for \(now - lastMove)")
    case .unreachable(let reason):
      return overdue(now, "vLLM's server does not respond: \(reason)")
    }
  }

  private func overdue(_ now: Duration, _ explanation: String) -> Action {
    now - lastMove >= patience ? .replace(ReplicaFailure(explanation)) : .lookAgain
  }
}
