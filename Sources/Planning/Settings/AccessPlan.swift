internal import Endpoints

/// What grants an endpoint is to have, and the call that makes it so. Whoever deploys stays a manager, so that nobody
/// locks themselves out; inherited rights are not ours (serving-api.md 1.2, Q25).
struct AccessPlan {
  let wanted: AccessSettings
  let live: ObservedAccess
  let creator: String?
  /// Of the present reading: a recreated endpoint has another one (serving-api.md Q42).
  let endpointID: String

  /// The principals the manifest names, with what they are to have.
  var named: [Grant] { wanted.grants.map { isDeployer($0.principal) ? Grant($0.principal, .canManage) : $0 } }

  /// What is granted and not named, where only the named may have anything.
  var surplus: [Grant] {
    guard wanted.mode == .exact else { return [] }
    return live.grants.filter { !names($0.principal) && !isDeployer($0.principal) }
  }

  /// Named grants that are missing or of another level.
  var missing: [Grant] { named.filter { level(of: $0.principal) != $0.level } }

  /// Nil: it is as it is to be.
  var change: SettingChange? {
    guard !missing.isEmpty || !surplus.isEmpty else { return nil }
    switch wanted.mode {
    case .additive: return .grant(endpointID: endpointID, missing)
    case .exact: return .setAccess(endpointID: endpointID, (named + deployers).sorted())
    }
  }

  func level(of principal: Principal) -> AccessLevel? { live.grants.first { $0.principal == principal }?.level }

  /// Whether it is the one whose token this is, or who made the endpoint: what serves loads as its creator.
  func isDeployer(_ principal: Principal) -> Bool {
    if principal == live.caller { return true }
    if case .group = principal { return false }
    return principal.name == creator?.lowercased()
  }

  private func names(_ principal: Principal) -> Bool { wanted.grants.contains { $0.principal == principal } }

  /// The managers that a replacement has to name although the manifest does not.
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
