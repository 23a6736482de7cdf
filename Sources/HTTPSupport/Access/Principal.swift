/// Who sends a request: what authentication yields, and what permissions, limits and records refer to.
package struct Principal: Hashable, Sendable {
  /// A token's name, never the token.
  package let name: String
  /// The groups that it belongs to.
  package let groups: Set<String>
  /// What its token allows, besides what is granted to its name and its groups on single endpoints.
  package let rights: TokenRights

  package init(name: String, groups: Set<String> = [], rights: TokenRights = TokenRights()) {
    self.name = name
    self.groups = groups
    self.rights = rights
  }
}

/// What a token allows.
package struct TokenRights: Hashable, Sendable {
  /// The highest level that the token has; nil for a token that has only what is granted on single endpoints.
  package let level: TokenLevel?
  /// The names of the endpoints that ``level`` applies to; nil for all of them, also those that do not exist yet. An
  /// administrator's level always applies to all.
  package let endpoints: Set<String>?

  package init(_ level: TokenLevel? = nil, endpoints: Set<String>? = nil) {
    self.level = level
    self.endpoints = endpoints
  }

  /// Everything, on all endpoints.
  package static let admin = TokenRights(.admin)

  /// Whether the token has a level on everything.
  package func covers(_ level: TokenLevel) -> Bool {
    guard let own = self.level, own >= level else { return false }
    return own == .admin || endpoints == nil
  }

  /// The level on an endpoint; nil for none.
  package func level(on endpoint: String) -> EndpointLevel? {
    guard let level else { return nil }
    guard level == .admin || endpoints?.contains(endpoint) ?? true else { return nil }
    return EndpointLevel(level)
  }
}

/// The levels of a token, weakest first.
package enum TokenLevel: String, Hashable, Sendable, CaseIterable, Comparable {
  case view, query, manage, admin

  package static func < (one: TokenLevel, other: TokenLevel) -> Bool { one.rank < other.rank }

  private var rank: Int {
    switch self {
    case .view: 0
    case .query: 1
    case .manage: 2
    case .admin: 3
    }
  }
}

/// What a principal may do with an endpoint, weakest first: see it, send it requests, change it (serving-api.md 1.2).
package enum EndpointLevel: Int, Hashable, Sendable, CaseIterable, Comparable {
  case view, query, manage

  package init(_ level: TokenLevel) {
    switch level {
    case .view: self = .view
    case .query: self = .query
    case .manage, .admin: self = .manage
    }
  }

  package static func < (one: EndpointLevel, other: EndpointLevel) -> Bool { one.rawValue < other.rawValue }
}
