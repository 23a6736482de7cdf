/// When and after which pause a failed call is retried (serving-api.md 1.8). Pure: the caller measures time, waits, and
/// provides the jitter.
package struct RetryPolicy: Hashable, Sendable {
  /// The maximum duration of one call, with all retries and pauses.
  package var budget: Duration
  /// The maximum duration if the server cannot be reached: a wrong address should be reported soon.
  package var unreachableBudget: Duration

  package init(budget: Duration = .seconds(300), unreachableBudget: Duration = .seconds(15)) {
    self.budget = budget
    self.unreachableBudget = unreachableBudget
  }

  /// Creates the policy for a target: if nothing listens on this machine, waiting does not help.
  package init(for target: ProviderTarget) {
    self.init(unreachableBudget: target.isOnThisMachine ? .seconds(3) : .seconds(15))
  }

  /// Which failures of a call may be retried.
  package enum Mode: Hashable, Sendable {
    /// None: every response is a result.
    case never
    /// Failures after which the server has certainly not acted on the request, or asks for a retry.
    case whenNotApplied
    /// All transient failures: the call is idempotent.
    case repeatable
  }

  /// Returns the pause before the next attempt, or nil to give up.
  ///
  /// - Parameters:
  ///   - attempt: the number of failed attempts, from 1.
  ///   - elapsed: the time since the first attempt started.
  ///   - jitter: 0..<1.
  package func pause(
    after error: ServingError, mode: Mode, attempt: Int, elapsed: Duration, jitter: Double
  ) -> Duration? {
    guard mode != .never, isTransient(error), mode == .repeatable || !error.outcomeUnknown else { return nil }
    let nominal = error.retryAfter ?? min(Self.longestPause, .seconds(1 << min(attempt - 1, 10)))
    // Never sooner than the server says, and up to a fifth later, so that callers do not all return at once.
    let pause = nominal + .milliseconds(Int64(nominal / .milliseconds(1) * 0.2 * jitter))
    return elapsed + pause <= (error.isUnreachable ? unreachableBudget : budget) ? pause : nil
  }

  /// The first pause is one second; each further one is twice as long, up to this limit.
  private static let longestPause: Duration = .seconds(10)

  private func isTransient(_ error: ServingError) -> Bool {
    switch error.kind {
    case .throttled, .unavailable: true
    // Other 5xx and 408 are not retried; connections that break or stall are.
    case .network, .timeout: error.status == nil && !error.isOverTime
    default: Self.transientPhrases.contains { error.serverMessage.contains($0) }
    }
  }

  /// Phrases in which a workspace reports transient trouble under any status.
  private static let transientPhrases = [
    "UnknownWorkerEnvironmentException", "does not have any associated worker environments",
    "There is no worker environment with id", "Unknown worker environment", "ClusterNotReadyException",
    "Unexpected error", "Please try again later or try a faster operation.",
    "RPC token bucket limit has been exceeded",
  ]
}
