/// The number of calls or tokens that are allowed in a minute.
package struct RateLimit: Hashable, Sendable {
  /// Whose calls are counted.
  package enum Scope: Hashable, Sendable {
    /// All callers' together.
    case endpoint
    /// Each principal's; those that have a limit of their own, or a group's, are not counted here.
    case eachPrincipal
    /// The principal's of that name.
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

/// Why a call is refused: the limit that takes longest to allow the next one.
package struct RateLimitRefusal: Hashable, Sendable {
  package enum Unit: Hashable, Sendable {
    case calls, tokens
  }

  package let scope: RateLimit.Scope
  package let unit: Unit
  /// The number that is allowed in a minute.
  package let limit: Int64
  /// How long until the call is admitted, if nothing else is until then.
  package let wait: Duration

  package init(scope: RateLimit.Scope, unit: Unit, limit: Int64, wait: Duration) {
    self.scope = scope
    self.unit = unit
    self.limit = limit
    self.wait = wait
  }
}
