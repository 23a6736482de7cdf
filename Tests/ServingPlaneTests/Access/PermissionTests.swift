import CanonicalJSON
import Testing

@testable import ServingPlane

/// The permissions on endpoints, as a client of the API sees them.
@Suite(.timeLimit(.minutes(5))) struct PermissionTests {
  @Test func `PUT replaces the grants, PATCH adds and changes them, and administrators always inherit theirs`()
    async throws
  {
    let data = TestData()
    try await withPlane(data) { admin in
      let id = try await admin.createEmpty("chat")
      // None of these names has a token yet.
      let put = try await admin.grant(
        [("user_name", "ann@example.com", "CAN_QUERY"), ("group_name", "Team B", "CAN_VIEW")], on: id, method: "PUT")
      #expect(put.status == 200, "\(put.text)")
      #expect(put.directGrants == ["group_name Team B CAN_VIEW", "user_name ann@example.com CAN_QUERY"])
      #expect(put.json["object_id"] == .string("/serving-endpoints/\(id)"))
      #expect(put.json["object_type"] == "serving-endpoint")
      let admins = put.json["access_control_list"]?.arrayValue?.last ?? .null
      #expect(admins["group_name"] == "admins" && admins["display_name"] == "admins")
      #expect(
        admins["all_permissions"] == [
          ["permission_level": "CAN_MANAGE", "inherited": true, "inherited_from_object": ["/serving-endpoints/"]]
        ])
      let patched = try await admin.grant(
        [("service_principal_name", "bot", "CAN_MANAGE"), ("user_name", "Ann@example.com", "CAN_MANAGE")], on: id)
      #expect(
        patched.directGrants == [
          "group_name Team B CAN_VIEW", "service_principal_name bot CAN_MANAGE", "user_name Ann@example.com CAN_MANAGE",
        ])
      let emptied = try await admin.grant([], on: id, method: "PUT")
      #expect(emptied.directGrants == [])
      #expect(try await admin.permissions(id).text == emptied.text)
      let levels = try await admin.call("GET", PlaneClient.permissionsPath(id) + "/permissionLevels")
      let words = levels.json["permission_levels"]?.arrayValue?.compactMap { $0["permission_level"]?.stringValue }
      #expect(words == ["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"])
    }
  }

  @Test func `a grant applies to every token of its name or group, however the API calls it, until it is revoked`()
    async throws
  {
    let data = TestData()
    let (ann, bot) = try await withPlane(data) { admin in
      let id = try await admin.createEmpty("chat")
      _ = try await admin.grant(
        [("service_principal_name", "ann@example.com", "CAN_MANAGE"), ("group_name", "bots", "CAN_VIEW")], on: id)
      let ann = try await admin.tokenHolder("Ann@example.com", can: "none")
      let bot = try await admin.tokenHolder("bot", can: "none", groups: ["bots", "others"])
      #expect(try await ann.get("chat").json["permission_level"] == "CAN_MANAGE")
      #expect(try await bot.get("chat").json["permission_level"] == "CAN_VIEW")
      #expect(try await bot.permissions(id).status == 403)
      return (ann.token, bot.token)
    }
    try await withPlane(data) { admin in
      let (ann, bot) = (admin.with(ann), admin.with(bot))
      let id = try #require(try await admin.get("chat").json["id"]?.stringValue)
      #expect(try await bot.get("chat").status == 200)
      _ = try await ann.grant([("user_name", "ann@example.com", "CAN_MANAGE")], on: id, method: "PUT")
      #expect(try await bot.get("chat").status == 404)
      // The same name has another ID after this, and no grants.
      #expect(try await ann.call("DELETE", "/api/2.0/serving-endpoints/chat").status == 200)
      let new = try await admin.createEmpty("chat")
      #expect(try await ann.get("chat").status == 404)
      #expect(try await admin.permissions(id).message == "Endpoint with id '\(id)' does not exist.")
      #expect(try await ann.permissions(new).message == "Endpoint with id '\(new)' does not exist.")
    }
  }

  @Test func `the permissions on an endpoint are bounded`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      let id = try await admin.createEmpty("chat")
      let users = (0..<1001).map { ("user_name", "u\($0)", "CAN_VIEW") }
      let refused = try await admin.grant(users, on: id, method: "PUT")
      #expect(refused.status == 400 && refused.message.contains("the most are 1000"), "\(refused.text)")
      #expect(try await admin.grant(Array(users.prefix(1000)), on: id).directGrants.count == 1000)
      #expect(try await admin.grant([users[1000]], on: id).status == 400)
      #expect(try await admin.grant([users[999]], on: id).status == 200)
    }
  }

  @Test func `nobody takes their own permission to change an endpoint from themselves`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      let id = try await admin.createEmpty("chat")
      _ = try await admin.grant(
        [("user_name", "ann", "CAN_MANAGE"), ("group_name", "team", "CAN_MANAGE")], on: id)
      let ann = try await admin.tokenHolder("ann", can: "none")
      let member = try await admin.tokenHolder("bob", can: "query", groups: ["team"])
      let kept = try await ann.grant([("user_name", "eve", "CAN_VIEW")], on: id, method: "PUT")
      #expect(kept.directGrants == ["user_name ann CAN_MANAGE", "user_name eve CAN_VIEW"])
      let same = try await ann.grant([("user_name", "ann", "CAN_VIEW")], on: id)
      #expect(same.directGrants == kept.directGrants)
      #expect(try await member.permissions(id).status == 403)
      _ = try await ann.grant([("group_name", "team", "CAN_MANAGE")], on: id)
      let byGroup = try await member.grant([], on: id, method: "PUT")
      #expect(byGroup.directGrants == ["group_name team CAN_MANAGE"])
      // An administrator needs no grant.
      #expect(try await admin.grant([], on: id, method: "PUT").directGrants == [])
    }
  }

  @Test func `a request that cannot be granted changes nothing and is refused with the reason`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      let id = try await admin.createEmpty("chat")
      _ = try await admin.grant([("user_name", "ann", "CAN_VIEW")], on: id)
      let cases: [(JSONValue, String)] = [
        (["permission_level": "CAN_VIEW"], "exactly one of user_name, group_name and service_principal_name"),
        (["user_name": "a", "group_name": "b", "permission_level": "CAN_VIEW"], "exactly one of"),
        (
          ["user_name": "a", "permission_level": "CAN_RUN"], "\"CAN_RUN\" is not one of CAN_VIEW, CAN_QUERY, CAN_MANAGE"
        ),
        (["user_name": "a"], "\"\" is not one of"), (["user_name": 7], "expected a string"),
        (["user_name": "a b", "permission_level": "CAN_VIEW"], "access_control_list[0].user_name: \"a b\" is not"),
      ]
      for (entry, words) in cases {
        let refused = try await admin.call(
          "PUT", PlaneClient.permissionsPath(id), ["access_control_list": .array([entry])])
        #expect(refused.status == 400 && refused.code == "INVALID_PARAMETER_VALUE", "\(refused.text)")
        #expect(refused.message.contains(words), "\(refused.text)")
      }
      let twice = try await admin.grant(
        [("user_name", "x", "CAN_VIEW"), ("service_principal_name", "X", "CAN_VIEW")], on: id)
      #expect(twice.status == 400 && twice.message.contains("\"X\" is named twice"), "\(twice.text)")
      #expect(try await admin.permissions(id).directGrants == ["user_name ann CAN_VIEW"])
    }
  }
}
