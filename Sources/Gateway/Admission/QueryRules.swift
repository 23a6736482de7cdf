package import HTTPSupport
package import NIOCore
package import Scheduling
import Synchronization

/// What an endpoint's settings say about its queries.
package struct QuerySettings: Hashable, Sendable {
  package var rateLimits: [QueryRateLimit] = []
  /// The fraction of the requests whose bodies are recorded, from 0 to 1.
  package var payloadSampling = 0.0

  package init() {}
}

/// The number of calls or tokens that are allowed in a minute.
package struct QueryRateLimit: Hashable, Sendable {
  /// Whose calls are counted.
  package enum Scope: Hashable, Sendable {
    /// All callers' together.
    case endpoint
    /// Each principal's; those that have a limit of their own, or a group's, are not counted here.
    case eachPrincipal
    /// The principal's of that name, whether the API calls it a user or a service principal, and whatever the name's case.
    case principal(String)
    /// The ones of the group's members, together.
    case group(String)
  }

  package let scope: Scope
  package let calls: Int64?
  package let tokens: Int64?

  package init(_ scope: Scope, calls: Int64? = nil, tokens: Int64? = nil) {
    self.scope = scope
    self.calls = calls
    self.tokens = tokens
  }
}

extension RateLimit {
  init(_ limit: QueryRateLimit) {
    let scope: Scope =
      switch limit.scope {
      case .endpoint: .endpoint
      case .eachPrincipal: .eachPrincipal
      case .principal(let name): .principal(QueryRules.key(of: name))
      case .group(let name): .group(name)
      }
    self.init(scope, calls: limit.calls, tokens: limit.tokens)
  }
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
    state = Mutex(State(settings: settings, limiter: RateLimiter(settings.rateLimits.map { RateLimit($0) })))
  }

  /// Applies changed settings to the queries from now on. What a limit has already counted stays counted, unless the
  /// limit itself has changed.
  package func set(_ settings: QuerySettings) {
    state.withLock { state in
      state.settings = settings
      state.limiter.set(settings.rateLimits.map { RateLimit($0) })
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
  fileprivate static func key(of name: String) -> String { name.lowercased() }

  private static func time(_ now: NIODeadline) -> Duration { .nanoseconds(Int64(clamping: now.uptimeNanoseconds)) }
}
