import Endpoints
import HTTPSupport
import Logging

// The permissions on endpoints.
extension ServingEndpoints {
  /// The permissions that were granted on an endpoint itself.
  func access(ofID id: String) throws(APIError) -> [EndpointGrant] {
    guard let machine = machines[id] else { throw .noEndpoint(withID: id) }
    return machine.record.settings.access
  }

  /// Grants permissions. Nobody takes from themselves the permission to do so.
  ///
  /// - Parameters:
  ///   - sent: the permissions to grant, at most one for each principal.
  ///   - replacesAll: whether to revoke all others.
  ///   - principal: who requests it.
  /// - Returns: all permissions that are granted on the endpoint afterwards.
  func setAccess(
    _ sent: [EndpointGrant], ofID id: String, replacesAll: Bool, by principal: HTTPSupport.Principal
  ) async throws(APIError) -> [EndpointGrant] {
    try await changes.run { () async throws(APIError) -> [EndpointGrant] in
      try refuseWhileStopping()
      guard var machine = machines[id] else { throw APIError.noEndpoint(withID: id) }
      let record = machine.record
      let old = record.settings.access
      let kept = replacesAll ? [] : old.filter { grant in !sent.contains { $0.isForSame(as: grant) } }
      guard kept.count + sent.count <= EndpointGrant.most else {
        throw APIError.tooManyGrants(kept.count + sent.count)
      }
      let new = Self.withoutLockout(kept + sent, was: old, principal, record.name)
      machine.setAccess(new)
      try await store(machine.record)
      machines[id] = machine
      // Only if it was not deleted meanwhile: no change overtakes this one.
      grants.set(new, of: id, named: record.name)
      log.info("permissions changed", metadata: ["endpoint": "\(record.name)", "principal": "\(principal.name)"])
      return new
    }
  }

  /// The grants, with those that let the principal change the endpoint.
  private static func withoutLockout(
    _ new: [EndpointGrant], was old: [EndpointGrant], _ principal: HTTPSupport.Principal, _ endpoint: String
  ) -> [EndpointGrant] {
    func manages(_ grant: EndpointGrant) -> Bool { grant.level == .manage && grant.applies(to: principal) }
    guard principal.rights.level(on: endpoint) != .manage, !new.contains(where: manages) else { return new }
    let own = old.filter(manages)
    return new.filter { grant in !own.contains { $0.isForSame(as: grant) } } + own
  }

  /// The name of an endpoint's creator: the user who runs the plane, for the plane's own token.
  func creator(_ principal: HTTPSupport.Principal?) -> String {
    isOwner(principal) ? settings.user : principal?.name ?? settings.user
  }

  /// The permissions on a new endpoint: whoever created it may change it.
  func ownGrants(_ principal: HTTPSupport.Principal?) -> [EndpointGrant] {
    guard let principal, !isOwner(principal) else { return [] }
    let kind: EndpointGrant.Kind = ApplicationID.isOne(principal.name) ? .servicePrincipal : .user
    return [EndpointGrant(kind: kind, name: principal.name, level: .manage)]
  }

  private func isOwner(_ principal: HTTPSupport.Principal?) -> Bool {
    principal.map { $0.name == PlaneAuthorizer.adminName } ?? true
  }
}
