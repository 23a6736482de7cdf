import CanonicalJSON
import Testing

@testable import ServingPlane

extension PlaneClient {
  /// The same plane, with another token.
  func with(_ token: String) -> PlaneClient { PlaneClient(url: url, token: token, http: http) }

  /// Creates a token, and returns a client that has it.
  func tokenHolder(
    _ name: String, can: String, endpoints: [String]? = nil, groups: [String] = []
  ) async throws -> PlaneClient {
    var members: [String: JSONValue] = [
      "name": .string(name), "can": .string(can), "groups": .array(groups.map { .string($0) }),
    ]
    members["endpoints"] = endpoints.map { .array($0.map { .string($0) }) }
    let answer = try await call("POST", "/api/setpoint/tokens", .object(members))
    try #require(answer.status == 200, "\(answer.text)")
    return with(try #require(answer.json["secret"]?.stringValue))
  }

  /// Creates an endpoint that serves nothing, and returns its ID.
  func createEmpty(_ name: String) async throws -> String {
    let answer = try await call("POST", "/api/2.0/serving-endpoints", ["name": .string(name)])
    try #require(answer.status == 200, "\(answer.text)")
    return try #require(answer.json["id"]?.stringValue)
  }

  func permissions(_ id: String) async throws -> ClientResponse {
    try await call("GET", Self.permissionsPath(id))
  }

  /// - Parameter grants: kind, name and level of each.
  func grant(_ grants: [(String, String, String)], on id: String, method: String = "PATCH") async throws
    -> ClientResponse
  {
    let entries = grants.map { kind, name, level -> JSONValue in
      [kind: .string(name), "permission_level": .string(level)]
    }
    return try await call(method, Self.permissionsPath(id), ["access_control_list": .array(entries)])
  }

  static func permissionsPath(_ id: String) -> String { "/api/2.0/permissions/serving-endpoints/\(id)" }
}

extension PlaneClient.ClientResponse {
  /// The direct grants of a response of the permissions API, as `group_name support CAN_QUERY`.
  var directGrants: [String] {
    let entries = json["access_control_list"]?.arrayValue ?? []
    return entries.flatMap { entry -> [String] in
      let kind = ["user_name", "group_name", "service_principal_name"].first { entry[$0] != nil } ?? "?"
      let direct = (entry["all_permissions"]?.arrayValue ?? []).filter { $0["inherited"] == false }
      return direct.map { permission in
        "\(kind) \(entry[kind]?.stringValue ?? "?") \(permission["permission_level"]?.stringValue ?? "?")"
      }
    }.sorted()
  }
}
