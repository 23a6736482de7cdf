/// Who may do what with an endpoint.
package struct AccessSettings: Hashable, Sendable {
  package let mode: AccessMode
  /// By principal, which no two of them share; their order carries no meaning.
  package let grants: [Grant]

  package init(mode: AccessMode = .additive, grants: [Grant]) {
    self.mode = mode
    self.grants = grants.sorted()
  }
}

/// What becomes of grants that the manifest does not name.
package enum AccessMode: String, Hashable, Sendable, CaseIterable {
  /// They stay: other tools grant to principals of theirs (serving-api.md Q46).
  case additive
  /// They are taken back.
  case exact
}

/// A principal's right. Of a live endpoint: the strongest that was granted to it on the endpoint itself.
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

/// Whom a right is granted to.
package enum Principal: Hashable, Sendable, Comparable {
  /// By user name, which is an e-mail address.
  case user(String)
  case group(String)
  /// By application id.
  case servicePrincipal(String)

  /// Its name without its kind.
  package var name: String {
    switch self {
    case .user(let name), .group(let name), .servicePrincipal(let name): name
    }
  }

  /// In the one spelling that is compared: user names and application ids are the same in any case, and a workspace may
  /// answer them in another than it was told.
  package var folded: Principal {
    switch self {
    case .user(let name): .user(name.lowercased())
    case .group: self
    case .servicePrincipal(let id): .servicePrincipal(id.lowercased())
    }
  }

  /// As messages name it: `group support`.
  package var description: String {
    switch self {
    case .user(let name): "user \(name)"
    case .group(let name): "group \(name)"
    case .servicePrincipal(let id): "service principal \(id)"
    }
  }
}

/// What a principal may do, weakest first; a level this version does not know is no weaker than any.
package enum AccessLevel: Hashable, Sendable, Comparable {
  case canView
  case canQuery
  case canManage
  /// The API's word for a level newer than this version.
  case unknown(String)
}

extension AccessLevel {
  /// Reads the word that a manifest has for the level.
  package init?(manifestWord: String) {
    switch manifestWord {
    case "CanView": self = .canView
    case "CanQuery": self = .canQuery
    case "CanManage": self = .canManage
    default: return nil
    }
  }

  /// The word that a manifest has for the level; the API's own for one that no manifest knows.
  package var manifestWord: String {
    switch self {
    case .canView: "CanView"
    case .canQuery: "CanQuery"
    case .canManage: "CanManage"
    case .unknown(let word): word
    }
  }
}
