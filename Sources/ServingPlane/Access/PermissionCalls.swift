import CanonicalJSON
import HTTPSupport
import Hummingbird
import ServingAPI

/// The permissions on endpoints (serving-api.md 1.2).
struct PermissionCalls: Sendable {
  let endpoints: ServingEndpoints
  let body: CallBody

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let base: RouterPath = "/api/2.0/permissions/serving-endpoints/{id}"
    router.get(base) { _, context in
      let id = context.path("id")
      return Response.json(WirePermissions(try await endpoints.access(ofID: id), ofID: id).json)
    }
    router.put(base) { request, context in try await change(request, context, replacesAll: true) }
    router.patch(base) { request, context in try await change(request, context, replacesAll: false) }
    router.get("\(base)/permissionLevels") { _, _ in
      Response.json([
        "permission_levels": .array(
          EndpointLevel.allCases.map {
            ["permission_level": .string($0.word), "description": .string($0.meaning)]
          })
      ])
    }
  }

  private func change(_ request: Request, _ context: PlaneContext, replacesAll: Bool) async throws -> Response {
    let sent = try await Self.grants(body.read(request))
    let id = context.path("id")
    let access = try await endpoints.setAccess(
      sent, ofID: id, replacesAll: replacesAll, by: context.sender)
    return Response.json(WirePermissions(access, ofID: id).json)
  }

  private static func grants(_ sent: WirePermissions) throws(APIError) -> [EndpointGrant] {
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    let entries = sent.entries
    // Each is compared with the others.
    guard entries.count <= EndpointGrant.most else { throw .tooManyGrants(entries.count) }
    var grants: [EndpointGrant] = []
    for (index, entry) in entries.enumerated() {
      let grant = try grant(entry, "access_control_list[\(index)]")
      guard !grants.contains(where: { $0.isForSame(as: grant) }) else {
        throw .invalid("access_control_list[\(index)]: \"\(grant.name)\" is named twice")
      }
      grants.append(grant)
    }
    return grants
  }

  private static func grant(_ entry: WireAccessEntry, _ path: String) throws(APIError) -> EndpointGrant {
    let named = [EndpointGrant.Kind.user, .servicePrincipal, .group].compactMap { kind in
      entry[text: kind.rawValue].map { (kind, $0) }
    }
    guard named.count == 1, let (kind, name) = named.first else {
      throw .invalid("\(path): exactly one of user_name, group_name and service_principal_name is required")
    }
    let finding = kind == .group ? PrincipalName.groupFinding(name) : PrincipalName.finding(name)
    if let finding { throw .invalid("\(path).\(kind.rawValue): \(finding)") }
    let word = entry.permissionLevel ?? ""
    guard let level = EndpointLevel(word: word) else {
      let words = EndpointLevel.allCases.map(\.word).joined(separator: ", ")
      throw .invalid("\(path).permission_level: \"\(word)\" is not one of \(words)")
    }
    return EndpointGrant(kind: kind, name: name, level: level)
  }
}

extension EndpointLevel {
  fileprivate var meaning: String {
    switch self {
    case .view: "Can view the endpoint"
    case .query: "Can view and query the endpoint"
    case .manage: "Can view, query, change and delete the endpoint, and change its permissions"
    }
  }
}

extension EndpointGrant {
  /// The most permissions that are granted on one endpoint.
  static let most = 1000

  /// Whether both are for the same principal: a token's name is one, however the API calls it.
  func isForSame(as other: EndpointGrant) -> Bool {
    guard (kind == .group) == (other.kind == .group) else { return false }
    return kind == .group ? name == other.name : name.lowercased() == other.name.lowercased()
  }

  /// Whether the principal has this grant.
  func applies(to principal: HTTPSupport.Principal) -> Bool {
    kind == .group ? principal.groups.contains(name) : name.lowercased() == principal.name.lowercased()
  }
}

extension APIError {
  static func tooManyGrants(_ count: Int) -> APIError {
    .invalid(
      "access_control_list: \(count) permissions on one endpoint are too many; the most are \(EndpointGrant.most): "
        + "grant them to groups")
  }
}

extension WirePermissions {
  /// The grants on an endpoint, and the permission that administrators inherit.
  fileprivate init(_ grants: [EndpointGrant], ofID id: String) {
    let isAdministrators = { (grant: EndpointGrant) in
      grant.kind == .group && grant.name == PlaneAuthorizer.administrators
    }
    let inherited = WirePermission(members: [
      "permission_level": .string(EndpointLevel.manage.word), "inherited": true,
      "inherited_from_object": ["/serving-endpoints/"],
    ])
    var entries = grants.filter { !isAdministrators($0) }.map { grant in
      WireAccessEntry(grant, [WirePermission(level: grant.level.word, inherited: false)])
    }
    let own = grants.filter(isAdministrators).map { WirePermission(level: $0.level.word, inherited: false) }
    let administrators = EndpointGrant(kind: .group, name: PlaneAuthorizer.administrators, level: .manage)
    entries.append(WireAccessEntry(administrators, own + [inherited]))
    self.init(entries: entries)
    members["object_id"] = .string("/serving-endpoints/\(id)")
    members["object_type"] = "serving-endpoint"
  }
}

extension WireAccessEntry {
  fileprivate init(_ grant: EndpointGrant, _ permissions: [WirePermission]) {
    self.init(members: [grant.kind.rawValue: .string(grant.name), "display_name": .string(grant.name)])
    allPermissions = permissions
  }
}
