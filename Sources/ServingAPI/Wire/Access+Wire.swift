package import Endpoints

extension WirePermissions {
  /// Creates the body that adds these grants.
  package init(_ grants: [Grant]) { self.init(entries: grants.map(WireAccessEntry.init)) }

  /// The grants on the endpoint itself: inherited permissions are not ours (serving-api.md Q25), and of several the
  /// strongest counts.
  package var grants: [Grant] {
    let direct = entries.compactMap { entry in
      entry.principal.flatMap { principal in entry.directLevel.map { (principal, $0) } }
    }
    return Dictionary(direct, uniquingKeysWith: max).map { Grant($0.key, $0.value) }.sorted()
  }
}

extension WireAccessEntry {
  fileprivate init(_ grant: Grant) {
    self.init()
    switch grant.principal {
    case .user(let name): userName = name
    case .group(let name): groupName = name
    case .servicePrincipal(let id): servicePrincipalName = id
    }
    permissionLevel = grant.level.word
  }

  fileprivate var principal: Principal? {
    if let userName, !userName.isEmpty { return .user(userName) }
    if let groupName, !groupName.isEmpty { return .group(groupName) }
    if let id = servicePrincipalName, !id.isEmpty { return .servicePrincipal(id) }
    return nil
  }

  fileprivate var directLevel: AccessLevel? {
    guard let allPermissions else { return permissionLevel.map { AccessLevel(word: $0) } }
    return allPermissions.filter { !$0.isInherited }.compactMap(\.level).map { AccessLevel(word: $0) }.max()
  }
}

extension AccessLevel {
  package init(word: String) {
    self =
      switch word {
      case "CAN_VIEW": .canView
      case "CAN_QUERY": .canQuery
      case "CAN_MANAGE": .canManage
      default: .unknown(word)
      }
  }

  /// The value on the wire.
  package var word: String {
    switch self {
    case .canView: "CAN_VIEW"
    case .canQuery: "CAN_QUERY"
    case .canManage: "CAN_MANAGE"
    case .unknown(let word): word
    }
  }
}

extension WireIdentity {
  /// The principal of a grant for the caller. A service principal's user name is its application ID; Databricks' own
  /// command line distinguishes them the same way.
  package var principal: Principal? {
    guard let userName, !userName.isEmpty else { return nil }
    return ApplicationID.isOne(userName) ? .servicePrincipal(userName) : .user(userName)
  }
}
