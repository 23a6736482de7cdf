package import CanonicalJSON

/// The permissions on an endpoint (serving-api.md 1.2): the response to a read, and as a body, with
/// ``WireAccessEntry/permissionLevel`` in each entry, the grants to make.
package struct WirePermissions: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(entries: [WireAccessEntry]) { self.members = ["access_control_list": .array(entries.map(\.json))] }

  package static let fields: [String: WireField] = [
    "access_control_list": .list(.object(WireAccessEntry.self)), "object_id": .text, "object_type": .text,
  ]

  package var entries: [WireAccessEntry] { self[list: "access_control_list"] ?? [] }
}

/// One principal's permissions.
package struct WireAccessEntry: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = [
    "user_name": .text, "group_name": .text, "service_principal_name": .text, "display_name": .text,
    "permission_level": .text, "all_permissions": .list(.object(WirePermission.self)),
  ]

  package var userName: String? {
    get { self[text: "user_name"] }
    set { self[text: "user_name"] = newValue }
  }
  package var groupName: String? {
    get { self[text: "group_name"] }
    set { self[text: "group_name"] = newValue }
  }
  /// An application ID.
  package var servicePrincipalName: String? {
    get { self[text: "service_principal_name"] }
    set { self[text: "service_principal_name"] = newValue }
  }
  /// The level to grant. Only in requests.
  package var permissionLevel: String? {
    get { self[text: "permission_level"] }
    set { self[text: "permission_level"] = newValue }
  }
  /// The principal's permissions, from any source. Only in responses.
  package var allPermissions: [WirePermission]? {
    get { self[list: "all_permissions"] }
    set { self[list: "all_permissions"] = newValue }
  }
}

/// One permission, and whether it is inherited.
package struct WirePermission: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package init(level: String, inherited: Bool) {
    self.members = ["permission_level": .string(level), "inherited": .bool(inherited)]
  }

  package static let fields: [String: WireField] = [
    "permission_level": .text, "inherited": .flag, "inherited_from_object": .list(.text),
  ]

  package var level: String? { self[text: "permission_level"] }
  package var isInherited: Bool { self[flag: "inherited"] ?? false }
}

/// The caller's identity, as returned by SCIM's `Me`.
package struct WireIdentity: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  package static let fields: [String: WireField] = ["userName": .text, "displayName": .text, "id": .text]

  /// An email address, or a service principal's application ID.
  package var userName: String? { self[text: "userName"] }
}
