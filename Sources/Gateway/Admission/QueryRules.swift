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
    /// The principal's of that name, whether the API calls it a user or a service principal.
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

/// The settings for an endpoint's queries in force, and the state of its rate limits. Read for each query, from any
/// thread.
package final class QueryRules: Sendable {
  private let state: Mutex<QuerySettings>

  package init(_ settings: QuerySettings = QuerySettings()) { state = Mutex(settings) }

  /// Applies changed settings to the queries from now on. What a limit has already counted stays counted, unless the
  /// limit itself has changed.
  package func set(_ settings: QuerySettings) { state.withLock { $0 = settings } }

  package var settings: QuerySettings { state.withLock { $0 } }
}
