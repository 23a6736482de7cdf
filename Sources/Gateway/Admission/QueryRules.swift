package import HTTPSupport
package import NIOCore
package import Scheduling
import Synchronization

/// What an endpoint's settings say about its queries.
package struct QuerySettings: Hashable, Sendable {
  package var rateLimits: [RateLimit] = []
  /// The fraction of the requests whose bodies are recorded, from 0 to 1.
  package var payloadSampling = 0.0

  package init() {}
}

/// The settings for an endpoint's queries in force, and the state of its rate limits. Read for each query, from any
/// thread.
package final class QueryRules: Sendable {
  private struct State {
    var settings: QuerySettings
    var limiter: RateLimiter
  }

  private let state: Mutex<State>

  package init(_ settings: QuerySettings = QuerySettings()) {
    state = Mutex(State(settings: settings, limiter: RateLimiter(Self.folded(settings.rateLimits))))
  }

  /// Applies changed settings to the queries from now on. What a limit has already counted stays counted, unless the
  /// limit itself has changed.
  package func set(_ settings: QuerySettings) {
    state.withLock { state in
      state.settings = settings
      state.limiter.set(Self.folded(settings.rateLimits))
    }
  }

  package var settings: QuerySettings { state.withLock { $0.settings } }

  /// The fraction of the requests whose bodies are recorded.
  var payloadSampling: Double { state.withLock { $0.settings.payloadSampling } }

  /// Counts a call under the limits that apply to its sender.
  ///
  /// - Returns: why it is refused, and is not counted; nil if it is admitted.
  package func admit(_ principal: Principal, now: NIODeadline) -> RateLimitRefusal? {
    let time = Self.time(now)
    let name = Self.key(of: principal.name)
    return state.withLock { $0.limiter.admit(principal: name, groups: principal.groups, now: time) }
  }

  /// Counts the tokens of an answer, of the request and of the response together.
  package func debit(_ principal: Principal, tokens: Int64, now: NIODeadline) {
    let time = Self.time(now)
    let name = Self.key(of: principal.name)
    state.withLock { $0.limiter.debit(tokens: tokens, principal: name, groups: principal.groups, now: time) }
  }

  /// The form in which names of principals are compared, as permissions compare them.
  private static func key(of name: String) -> String { name.lowercased() }

  private static func folded(_ limits: [RateLimit]) -> [RateLimit] {
    limits.map { limit in
      guard case .principal(let name) = limit.scope else { return limit }
      return RateLimit(.principal(key(of: name)), calls: limit.calls, tokens: limit.tokens)
    }
  }

  private static func time(_ now: NIODeadline) -> Duration { .nanoseconds(Int64(clamping: now.uptimeNanoseconds)) }
}
