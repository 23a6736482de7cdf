internal import CanonicalJSON
internal import ServingAPI

/// The permissions on an endpoint, keyed by its id (serving-api.md 1.2).
extension WorkspaceState {
  /// One principal's own permission on an endpoint.
  struct Grant: Hashable {
    var principal: Principal
    var level: String

    init(_ principal: Principal, _ level: String) {
      self.principal = principal
      self.level = level
    }
  }

  /// A user, a service principal or a group.
  struct Principal: Hashable {
    /// `user_name`, `group_name` or `service_principal_name`.
    var kind: String
    var name: String
  }

  /// From weakest to strongest.
  static let levels = ["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"]
  private static let kinds = ["user_name", "group_name", "service_principal_name"]

  mutating func permissions(_ method: String, _ parts: [String], _ body: JSONValue?) -> WorkspaceResponse {
    guard let id = parts.first, grants[id] != nil else {
      return .error(404, "RESOURCE_DOES_NOT_EXIST", "Endpoint with id '\(parts.first ?? "")' does not exist.")
    }
    switch (method, parts.count, parts.last) {
    case ("GET", 2, "permissionLevels"):
      return WorkspaceResponse(json: [
        "permission_levels": .array(
          Self.levels.map { ["permission_level": .string($0), "description": .string("\($0) on the endpoint")] })
      ])
    case ("GET", 1, _): return accessList(of: id)
    case ("PUT", 1, _), ("PATCH", 1, _): return setGrants(of: id, body, replaces: method == "PUT")
    default: return .error(404, "ENDPOINT_NOT_FOUND", "No API found.")
    }
  }

  /// `PUT` replaces every direct grant, `PATCH` adds and changes; neither changes inherited grants.
  private mutating func setGrants(of id: String, _ body: JSONValue?, replaces: Bool) -> WorkspaceResponse {
    if let endpoint = endpoints.values.first(where: { $0.id == id }), !mayManage(endpoint) { return denied(endpoint) }
    var wanted: [Grant] = []
    for entry in body?["access_control_list"]?.arrayValue ?? [] {
      let named = Self.kinds.compactMap { kind in
        entry[kind]?.stringValue.map { Principal(kind: kind, name: $0) }
      }
      guard named.count == 1, let level = entry["permission_level"]?.stringValue, Self.levels.contains(level) else {
        return .invalid("access_control_list: one principal and one of \(Self.levels) were expected.")
      }
      if let known = identities.known, !known.contains(named[0].name) {
        return .error(404, "RESOURCE_DOES_NOT_EXIST", "Principal: '\(named[0].name)' does not exist.")
      }
      wanted.append(Grant(named[0], level))
    }
    guard Set(wanted.map(\.principal)).count == wanted.count else {
      return .invalid("access_control_list: a principal is named twice.")
    }
    let kept =
      replaces ? [] : (grants[id] ?? []).filter { grant in !wanted.contains { $0.principal == grant.principal } }
    grants[id] = kept + wanted
    return accessList(of: id)
  }

  /// With the grants that administrators inherit, as a workspace shows it.
  private func accessList(of id: String) -> WorkspaceResponse {
    let admins = Principal(kind: "group_name", name: "admins")
    let direct = (grants[id] ?? []).map { grant in
      (grant.principal, JSONValue.object(["permission_level": .string(grant.level), "inherited": false]))
    }
    let inherited: JSONValue = [
      "permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": ["/serving-endpoints/"],
    ]
    let rights = Dictionary(grouping: direct + [(admins, inherited)], by: \.0)
    let entries = behaviors.order.sorted(rights.sorted { $0.key.name < $1.key.name }, salt: answered, by: \.key.name)
      .map { principal, rights -> JSONValue in
        .object([
          principal.kind: .string(principal.name), "display_name": .string(principal.name),
          "all_permissions": .array(rights.map(\.1)),
        ])
      }
    return WorkspaceResponse(json: [
      "object_id": .string("/serving-endpoints/\(id)"), "object_type": "serving-endpoint",
      "access_control_list": .array(entries),
    ])
  }

  /// What the caller may do: through a direct grant, a group, or as an administrator.
  func permissionLevel(of endpoint: Endpoint) -> String? {
    let caller = identities.caller
    let groups = identities.groups.filter { $0.value.contains(caller.name) }.map(\.key)
    if groups.contains("admins") { return "CAN_MANAGE" }
    let levels = (grants[endpoint.id] ?? []).filter { grant in
      grant.principal == caller || grant.principal.kind == "group_name" && groups.contains(grant.principal.name)
    }.compactMap { Self.levels.firstIndex(of: $0.level) }
    return levels.max().map { Self.levels[$0] }
  }

  func mayManage(_ endpoint: Endpoint) -> Bool { permissionLevel(of: endpoint) == "CAN_MANAGE" }

  func denied(_ endpoint: Endpoint) -> WorkspaceResponse {
    .error(
      403, "PERMISSION_DENIED",
      "User '\(identities.caller.name)' does not have CAN_MANAGE on serving endpoint '\(endpoint.name)'.")
  }
}
