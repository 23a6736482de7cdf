internal import Endpoints

/// The grants that an endpoint is to have, and the call that sets them. The deployer stays a manager, so that nobody is
/// locked out; inherited permissions are not managed (serving-api.md 1.2, Q25).
struct AccessPlan {
  let wanted: AccessSettings
  let live: ObservedAccess
  let creator: String?
  /// The endpoint's current ID: a recreated endpoint has another one (serving-api.md Q42).
  let endpointID: String

  /// The grants for the principals that the manifest names.
  var named: [Grant] { wanted.grants.map { isDeployer($0.principal) ? Grant($0.principal, .canManage) : $0 } }

  /// The live grants to revoke: those of unnamed principals, in exact mode; of a named one, a second grant under another
  /// kind.
  var surplus: [Grant] {
    guard wanted.mode == .exact else { return [] }
    return live.grants.filter { grant in
      let isKept = wanted.grants.contains { named in
        named.principal == grant.principal
          || named.principal.isSame(as: grant.principal)
            && !live.grants.contains { $0.principal == named.principal }
      }
      return !isKept && !isDeployer(grant.principal)
    }
  }

  /// The named grants that are missing or have another level.
  var missing: [Grant] { named.filter { level(of: $0.principal) != $0.level } }

  /// The call to make; nil if the grants match.
  var change: SettingChange? {
    guard !missing.isEmpty || !surplus.isEmpty else { return nil }
    switch wanted.mode {
    case .additive: return .grant(endpointID: endpointID, missing)
    case .exact: return .setAccess(endpointID: endpointID, (named + deployers).sorted())
    }
  }

  /// The live level; of a principal that the provider lists as another kind, too.
  func level(of principal: Principal) -> AccessLevel? {
    let live = live.grants
    let grant = live.first { $0.principal == principal } ?? live.last { $0.principal.isSame(as: principal) }
    return grant?.level
  }

  /// Whether the principal is the caller or the endpoint's creator: serving loads models as the creator.
  func isDeployer(_ principal: Principal) -> Bool {
    if let caller = live.caller, caller.isSame(as: principal) { return true }
    if case .group = principal { return false }
    return principal.name == creator?.lowercased()
  }

  private func names(_ principal: Principal) -> Bool { wanted.grants.contains { $0.principal.isSame(as: principal) } }

  /// The managers that a replacement must include although the manifest does not name them.
  private var deployers: [Grant] {
    var principals = live.grants.map(\.principal).filter(isDeployer)
    if let caller = live.caller {
      principals.append(caller)
    } else if let creator, principals.isEmpty {
      principals.append(creator.contains("@") ? .user(creator) : .servicePrincipal(creator))
    }
    var kept: [Principal] = []
    for principal in principals where !names(principal) && !kept.contains(where: { $0.isSame(as: principal) }) {
      kept.append(principal)
    }
    return kept.map { Grant($0, .canManage) }
  }
}
