/// When a failed call is sent again, and after which pause (serving-api.md 1.8). Pure: the caller measures, waits and
/// throws dice.
package struct RetryPolicy: Hashable, Sendable {
  /// How long one call may take, all tries and pauses together.
  package var budget: Duration
  /// The same for a server to which no connection can be made: a person who gave a wrong address should hear it soon.
  package var unreachableBudget: Duration

  package init(budget: Duration = .seconds(300), unreachableBudget: Duration = .seconds(15)) {
    self.budget = budget
    self.unreachableBudget = unreachableBudget
  }

  /// The policy for a target: where nothing listens on this machine, waiting does not bring it.
  package init(for target: ProviderTarget) {
    self.init(unreachableBudget: target.isOnThisMachine ? .seconds(3) : .seconds(15))
  }

  /// Which failures of a call may be answered by sending it again.
  package enum Mode: Hashable, Sendable {
    /// None: every answer is a result.
    case never
    /// Those after which the server has certainly not acted on the request, or says itself to try again.
    case whenNotApplied
    /// Any that may pass: sending the call twice does what sending it once does.
    case repeatable
  }

  /// The pause before the next try, or nil to give up.
  ///
  /// - Parameters:
  ///   - attempt: how many tries have failed, from 1.
  ///   - elapsed: time since the first try began.
  ///   - jitter: 0..<1.
  package func pause(
    after error: ServingError, mode: Mode, attempt: Int, elapsed: Duration, jitter: Double
  ) -> Duration? {
    guard mode != .never, isTransient(error), mode == .repeatable || !error.outcomeUnknown else { return nil }
    let nominal = error.retryAfter ?? min(Self.longestPause, .seconds(1 << min(attempt - 1, 10)))
    // Never sooner than the server says, and up to a fifth later, so that not all come back at once.
    let pause = nominal + .milliseconds(Int64(nominal / .milliseconds(1) * 0.2 * jitter))
    return elapsed + pause <= (error.isUnreachable ? unreachableBudget : budget) ? pause : nil
  }

  /// The first pause is a second, each further one twice as long, up to this.
  private static let longestPause: Duration = .seconds(10)

  private func isTransient(_ error: ServingError) -> Bool {
    switch error.kind {
    case .throttled, .unavailable: true
    // Other 5xx and 408 are not sent again, connections that break or stall are.
    case .network, .timeout: error.status == nil && !error.isOverTime
    default: Self.transientPhrases.contains { error.serverMessage.contains($0) }
    }
  }

  /// Words in which a workspace reports a passing trouble under any status.
  private static let transientPhrases = [
    "UnknownWorkerEnvironmentException", "does not have any associated worker environments",
    "There is no worker environment with id", "Unknown worker environment", "ClusterNotReadyException",
    "Unexpected error", "Please try again later or try a faster operation.",
    "RPC token bucket limit has been exceeded",
  ]
}
