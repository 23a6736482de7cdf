import CanonicalJSON
import FoundationEssentials
import LibCurl
import Testing

@testable import ServingPlane

/// The tokens of a plane, over its API and over its restarts.
@Suite(.timeLimit(.minutes(5))) struct TokenTests {
  private static let path = "/api/setpoint/tokens"
  private static let list = "/api/2.0/serving-endpoints"

  @Test func `a token is shown once, works until it is revoked, and its secret is in no file`() async throws {
    let data = TestData()
    let secret = try await withPlane(data) { admin in
      let created = try await admin.call(
        "POST", Self.path,
        [
          "name": "ci@example.com", "can": "view", "endpoints": ["a"], "groups": ["team b"], "expires_in_seconds": 3600,
        ])
      #expect(created.status == 200, "\(created.text)")
      #expect(created.json["name"] == "ci@example.com" && created.json["can"] == "view")
      #expect(created.json["endpoints"] == ["a"] && created.json["groups"] == ["team b"])
      #expect(created.json["created_by"] == "admin")
      let times = [created.json["created_at"]?.intValue, created.json["expires_at"]?.intValue].compactMap(\.self)
      #expect(times.count == 2 && times.last == (times.first ?? 0) + 3_600_000)
      let secret = try #require(created.json["secret"]?.stringValue)
      #expect(secret.hasPrefix("spt_") && secret.utf8.count == 44)
      let ci = admin.with(secret)
      #expect(try await ci.call("GET", Self.list).status == 200)
      let me = try await ci.call("GET", "/api/2.0/preview/scim/v2/Me")
      #expect(me.json["userName"] == "ci@example.com")
      let listed = try await admin.call("GET", Self.path)
      #expect(listed.json["tokens"]?.arrayValue?.first?["name"] == "ci@example.com")
      #expect(listed.json["tokens"]?.arrayValue?.first?["last_used_at"] != nil)
      #expect(!listed.text.contains(secret))
      return secret
    }
    for file in try FileManager.default.contentsOfDirectory(atPath: data.settings.dataDirectory) {
      let path = data.settings.dataDirectory + "/" + file
      guard let bytes = try? Data(contentsOf: URL(filePath: path)) else { continue }
      #expect(bytes.firstRange(of: Data(secret.utf8)) == nil, "\(file)")
    }
    // The next plane knows it too.
    try await withPlane(data) { admin in
      let ci = admin.with(secret)
      #expect(try await ci.call("GET", Self.list).status == 200)
      #expect(try await admin.call("DELETE", "\(Self.path)/ci@example.com").status == 200)
      let refused = try await ci.call("GET", Self.list)
      #expect(refused.status == 401)
      #expect(refused.headers["WWW-Authenticate"] == "Bearer")
      let again = try await admin.call("DELETE", "\(Self.path)/ci@example.com")
      #expect(again.status == 404 && again.message == "no token named \"ci@example.com\"")
    }
  }

  struct BadRequest: Sendable, CustomTestStringConvertible {
    let body: JSONValue
    var status = 400
    let says: String
    var testDescription: String { says }
  }

  static let badRequests: [BadRequest] = [
    BadRequest(body: [:], says: "name is missing"), BadRequest(body: ["name": "a b"], says: "not a valid name"),
    BadRequest(body: ["name": ""], says: "not a valid name"), BadRequest(body: ["name": 7], says: "expected a string"),
    BadRequest(body: ["name": "x", "can": "all"], says: "is not one of admin, manage, query, view, none"),
    BadRequest(body: ["name": "x", "endpoints": []], says: "must name an endpoint"),
    BadRequest(body: ["name": "x", "endpoints": ["a b"]], says: "endpoint name"),
    BadRequest(body: ["name": "x", "can": "admin", "endpoints": ["a"]], says: "does not apply"),
    BadRequest(body: ["name": "x", "groups": ["admins"]], says: "is that of all administrators"),
    BadRequest(body: ["name": "x", "groups": [" x"]], says: "not a valid name of a group"),
    BadRequest(body: ["name": "x", "expires_in_seconds": 0], says: "expires_in_seconds must be"),
    BadRequest(body: ["name": "x", "expires_in_seconds": .int(.max)], says: "expires_in_seconds must be from"),
    BadRequest(body: ["name": "Admin"], status: 409, says: "\"Admin\" already exists"),
    BadRequest(body: ["name": "CI"], status: 409, says: "\"CI\" already exists"),
  ]

  @Test func `a request for a token that cannot be is refused with the reason`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      _ = try await admin.tokenHolder("ci", can: "query")
      for bad in Self.badRequests {
        let refused = try await admin.call("POST", Self.path, bad.body)
        #expect(refused.status == bad.status, "\(bad.says): \(refused.text)")
        #expect(refused.message.contains(bad.says), "\(refused.text)")
      }
      let own = try await admin.call("DELETE", "\(Self.path)/admin")
      #expect(own.status == 400 && own.message.contains("restart the plane"), "\(own.text)")
    }
  }

  @Test func `everybody rotates their own token, and nobody another's`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      let ci = try await admin.tokenHolder("ci", can: "query")
      let other = try await admin.tokenHolder("other", can: "manage")
      let refused = try await other.call("POST", "\(Self.path)/ci/rotate", [:])
      #expect(refused.status == 403 && refused.code == "PERMISSION_DENIED", "\(refused.text)")
      let unknown = try await other.call("POST", "\(Self.path)/nobody/rotate", [:])
      #expect(unknown.status == 403)
      let new = try await ci.call("POST", "\(Self.path)/ci/rotate", ["overlap_seconds": 600])
      let secret = try #require(new.json["secret"]?.stringValue, "\(new.text)")
      #expect(try await ci.call("GET", Self.list).status == 200)
      #expect(try await admin.with(secret).call("GET", Self.list).status == 200)
      let replaced = try await ci.call("POST", "\(Self.path)/ci/rotate", [:])
      #expect(replaced.status == 403 && replaced.message.contains("has been replaced"), "\(replaced.text)")
      let listed = try await admin.call("GET", Self.path).json["tokens"]?.arrayValue ?? []
      #expect(listed.compactMap { $0["name"]?.stringValue } == ["ci", "ci", "other"])
      #expect(listed.filter { $0["replaced_at"] != nil }.count == 1)
      // Without an overlap, the old one ends at once; and so does the one before it.
      let last = try await admin.call("POST", "\(Self.path)/ci/rotate", [:])
      #expect(last.status == 200, "\(last.text)")
      #expect(try await ci.call("GET", Self.list).status == 401)
      #expect(try await admin.with(secret).call("GET", Self.list).status == 401)
    }
  }

  @Test func `whoever creates an endpoint may change it, also with fewer rights afterwards`() async throws {
    let data = TestData()
    try await withPlane(data) { admin in
      let first = try await admin.tokenHolder("dev@example.com", can: "manage")
      let id = try await first.createEmpty("own")
      _ = try await admin.createEmpty("other")
      let own = try await first.get("own")
      #expect(own.json["creator"] == "dev@example.com" && own.json["permission_level"] == "CAN_MANAGE")
      #expect(try await admin.get("other").json["creator"] == "tester")
      #expect(try await admin.permissions(id).directGrants == ["user_name dev@example.com CAN_MANAGE"])
      _ = try await admin.call("DELETE", "\(Self.path)/dev@example.com")
      let second = try await admin.tokenHolder("dev@example.com", can: "view")
      #expect(try await second.get("own").json["permission_level"] == "CAN_MANAGE")
      #expect(try await second.get("other").json["permission_level"] == "CAN_VIEW")
      #expect(try await second.call("DELETE", "\(Self.list)/own").status == 200)
      let refused = try await second.call("DELETE", "\(Self.list)/other")
      #expect(refused.status == 403 && refused.code == "PERMISSION_DENIED")
      #expect(
        refused.message
          == "principal \"dev@example.com\" may see endpoint \"other\" but not change it: CAN_MANAGE is required; an "
          + "administrator can grant it with \"setpoint tokens create NAME --can manage\", or with access in the manifest"
      )
    }
  }

  @Test func `a variable that redirects a program is for administrators, and stays when others change the rest`()
    async throws
  {
    let data = TestData()
    let folder = try data.model()
    try await withPlane(data) { admin in
      let version = try await admin.register("hello", folder)
      let manager = try await admin.tokenHolder("manager", can: "manage")
      let plain = entity("hello", version)
      let proxied = entity("hello", version, environment: ["HTTPS_PROXY": "http://proxy"])
      let refused = try await manager.create("chat", [proxied])
      #expect(refused.status == 400 && refused.message.contains("HTTPS_PROXY needs"), "\(refused.text)")
      #expect(try await admin.create("chat", [proxied]).status == 200)
      _ = try await admin.waitUntilSettled("chat")
      let kept = try await manager.put(
        "chat", [entity("hello", version, name: "x", environment: ["HTTPS_PROXY": "http://proxy"])])
      #expect(kept.status == 200, "\(kept.text)")
      _ = try await admin.waitUntilSettled("chat")
      #expect(try await manager.put("chat", [plain]).status == 200)
    }
  }
}
