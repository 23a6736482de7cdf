package import CanonicalJSON

/// The body of `POST /api/setpoint/tokens`, a plane's own call: creates an access token. A workspace does not have it.
package struct WireTokenRequest: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// - Parameters:
  ///   - can: `admin`, `manage`, `query` or `view`; nil: `query`.
  ///   - endpoints: the endpoints that `can` applies to; nil: all of them.
  ///   - expiresInSeconds: nil: never.
  package init(
    name: String, can: String? = nil, endpoints: [String]? = nil, groups: [String]? = nil,
    expiresInSeconds: Int64? = nil
  ) {
    self.members = ["name": .string(name)]
    self[text: "can"] = can
    self[texts: "endpoints"] = endpoints
    self[texts: "groups"] = groups
    self[number: "expires_in_seconds"] = expiresInSeconds
  }

  package static let fields: [String: WireField] = [
    "name": .text, "can": .text, "endpoints": .list(.text), "groups": .list(.text), "expires_in_seconds": .number,
  ]

  package var name: String? { self[text: "name"] }
  /// `admin`, `manage`, `query` or `view`; nil: `query`.
  package var can: String? { self[text: "can"] }
  /// The endpoints that ``can`` applies to; nil: all of them.
  package var endpoints: [String]? { self[texts: "endpoints"] }
  package var groups: [String]? { self[texts: "groups"] }
  /// The token's lifetime from now on; nil: it does not expire.
  package var expiresInSeconds: Int64? { self[number: "expires_in_seconds"] }
}

/// An access token of a plane: who its holder is and what it may do. Times are in milliseconds since 1970.
package struct WireToken: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(id: String, name: String) { self.members = ["id": .string(id), "name": .string(name)] }

  package static let fields: [String: WireField] = [
    "id": .text, "name": .text, "can": .text, "endpoints": .list(.text), "groups": .list(.text), "created_at": .number,
    "created_by": .text, "expires_at": .number, "last_used_at": .number, "replaced_at": .number, "secret": .text,
  ]

  package var id: String? { self[text: "id"] }
  /// The name of the principal that holds it.
  package var name: String? { self[text: "name"] }
  /// `admin`, `manage`, `query` or `view`.
  package var can: String? {
    get { self[text: "can"] }
    set { self[text: "can"] = newValue }
  }
  /// The endpoints that ``can`` applies to; nil: all of them.
  package var endpoints: [String]? {
    get { self[texts: "endpoints"] }
    set { self[texts: "endpoints"] = newValue }
  }
  package var groups: [String]? {
    get { self[texts: "groups"] }
    set { self[texts: "groups"] = newValue }
  }
  package var createdAt: Int64? {
    get { self[number: "created_at"] }
    set { self[number: "created_at"] = newValue }
  }
  /// The principal that created it.
  package var createdBy: String? {
    get { self[text: "created_by"] }
    set { self[text: "created_by"] = newValue }
  }
  /// Nil: it does not expire.
  package var expiresAt: Int64? {
    get { self[number: "expires_at"] }
    set { self[number: "expires_at"] = newValue }
  }
  /// Nil: it has not been used. Up to a minute old.
  package var lastUsedAt: Int64? {
    get { self[number: "last_used_at"] }
    set { self[number: "last_used_at"] = newValue }
  }
  /// When it was rotated: the token then works only until ``expiresAt``.
  package var replacedAt: Int64? {
    get { self[number: "replaced_at"] }
    set { self[number: "replaced_at"] = newValue }
  }
  /// The token itself: only in the response that creates or rotates it, never in a list.
  package var secret: String? {
    get { self[text: "secret"] }
    set { self[text: "secret"] = newValue }
  }
}

/// The response of `GET /api/setpoint/tokens`.
package struct WireTokenList: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(tokens: [WireToken]) { self.members = ["tokens": .array(tokens.map(\.json))] }

  package static let fields: [String: WireField] = ["tokens": .list(.object(WireToken.self))]

  package var tokens: [WireToken] { self[list: "tokens"] ?? [] }
}

/// The body of `POST /api/setpoint/tokens/{token}/rotate`: replaces the token's secret.
package struct WireTokenRotation: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(overlapSeconds: Int64? = nil) {
    self.members = [:]
    self[number: "overlap_seconds"] = overlapSeconds
  }

  package static let fields: [String: WireField] = ["overlap_seconds": .number]

  /// How long the previous secret continues to work; nil: not at all.
  package var overlapSeconds: Int64? { self[number: "overlap_seconds"] }
}
