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

  /// The live grants to revoke: those of unnamed principals, in exact mode.
  var surplus: [Grant] {
    guard wanted.mode == .exact else { return [] }
    return live.grants.filter { !names($0.principal) && !isDeployer($0.principal) }
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

  func level(of principal: Principal) -> AccessLevel? { live.grants.first { $0.principal == principal }?.level }

  /// Whether the principal is the caller or the endpoint's creator: serving loads models as the creator.
  func isDeployer(_ principal: Principal) -> Bool {
    if principal == live.caller { return true }
    if case .group = principal { return false }
    return principal.name == creator?.lowercased()
  }

  private func names(_ principal: Principal) -> Bool { wanted.grants.contains { $0.principal == principal } }

  /// The managers that a replacement must include although the manifest does not name them.
  private var deployers: [Grant] {
    var principals = live.grants.map(\.principal).filter(isDeployer)
    if let caller = live.caller {
      principals.append(caller)
    } else if let creator, principals.isEmpty {
      principals.append(creator.contains("@") ? .user(creator) : .servicePrincipal(creator))
    }
    return Set(principals).filter { !names($0) }.map { Grant($0, .canManage) }
  }
}
