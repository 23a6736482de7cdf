/// The permissions on an endpoint.
package struct AccessSettings: Hashable, Sendable {
  package let mode: AccessMode
  /// The grants, one per principal; their order has no meaning.
  package let grants: [Grant]

  package init(mode: AccessMode = .additive, grants: [Grant]) {
    self.mode = mode
    self.grants = grants.sorted()
  }
}

/// What happens to grants that the manifest does not name.
package enum AccessMode: String, Hashable, Sendable, CaseIterable {
  /// They stay: other tools grant permissions to their own principals (serving-api.md Q46).
  case additive
  /// They are revoked.
  case exact
}

/// A principal's permission. For a live endpoint, the strongest one granted on the endpoint itself.
package struct Grant: Hashable, Sendable, Comparable {
  package let principal: Principal
  package let level: AccessLevel

  package init(_ principal: Principal, _ level: AccessLevel) {
    self.principal = principal.folded
    self.level = level
  }

  package static func < (one: Grant, other: Grant) -> Bool {
    one.principal == other.principal ? one.level < other.level : one.principal < other.principal
  }
}

/// The user, group or service principal that a permission is granted to.
package enum Principal: Hashable, Sendable, Comparable {
  /// A user by user name: an email address, or on a plane the name of a token.
  case user(String)
  case group(String)
  /// A service principal by application ID, or on a plane by the name of a token.
  case servicePrincipal(String)

  /// The name without the kind.
  package var name: String {
    switch self {
    case .user(let name), .group(let name), .servicePrincipal(let name): name
    }
  }

  /// The principal in the spelling for comparison: user names and application IDs are case-insensitive, and a workspace
  /// may return them in a different case.
  package var folded: Principal {
    switch self {
    case .user(let name): .user(name.lowercased())
    case .group: self
    case .servicePrincipal(let id): .servicePrincipal(id.lowercased())
    }
  }

  /// Whether both are the same holder of permissions. On a plane, the holder of a token is one principal, whether a
  /// manifest calls it a user or a service principal; in a workspace, a user and a service principal never have the same
  /// name.
  package func isSame(as other: Principal) -> Bool { holder == other.holder }

  /// The principal without the distinction between users and service principals.
  var holder: Principal {
    if case .group = self { self } else { .user(name.lowercased()) }
  }

  /// The principal in messages: `group support`.
  package var description: String {
    switch self {
    case .user(let name): "user \(name)"
    case .group(let name): "group \(name)"
    case .servicePrincipal(let id): "service principal \(id)"
    }
  }
}

/// A permission level, weakest first. A level that this version does not know is not weaker than any other.
package enum AccessLevel: Hashable, Sendable, Comparable {
  case canView
  case canQuery
  case canManage
  /// The API's word for a level that is newer than this version.
  case unknown(String)
}

extension AccessLevel {
  /// Creates a level from a manifest's word.
  package init?(manifestWord: String) {
    switch manifestWord {
    case "CanView": self = .canView
    case "CanQuery": self = .canQuery
    case "CanManage": self = .canManage
    default: return nil
    }
  }

  /// The manifest's word for the level; the API's word for a level that manifests do not know.
  package var manifestWord: String {
    switch self {
    case .canView: "CanView"
    case .canQuery: "CanQuery"
    case .canManage: "CanManage"
    case .unknown(let word): word
    }
  }
}
