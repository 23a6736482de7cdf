import CanonicalJSON
import HTTPSupport
import HTTPTypes
import Hummingbird
import ServingAPI

/// The plane's calls about tokens.
struct TokenCalls: Sendable {
  let tokens: TokenStore
  let body: CallBody

  func addRoutes(to router: some RouterMethods<PlaneContext>) {
    let base: RouterPath = "/api/setpoint/tokens"
    router.get(base) { _, _ in
      Response.json(["tokens": .array(tokens.tokens.map { WireToken($0).json })])
    }
    router.post(base) { request, context in
      let sent = try await TokenStore.Request(body.read(request))
      return try await Response.json(WireToken(tokens.create(sent, by: context.sender.name)).json)
    }
    router.delete("\(base)/{token}") { _, context in
      try await tokens.revoke(context.path("token"), by: context.sender.name)
      return Response.json([:])
    }
    router.post("\(base)/{token}/rotate") { request, context in
      let overlap = try await Self.overlap(body.read(request))
      let sender = tokens.authorizer.token(authorization: request.headers[.authorization])
      return try await Response.json(
        WireToken(tokens.rotate(context.path("token"), overlap: overlap, by: context.sender, with: sender)).json)
    }
  }

  /// In milliseconds.
  private static func overlap(_ sent: WireTokenRotation) throws(APIError) -> Int64 {
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    let seconds = sent[number: "overlap_seconds"] ?? 0
    guard (0...longestOverlap).contains(seconds) else {
      throw .invalid("overlap_seconds must be from 0 to \(longestOverlap)")
    }
    return seconds * 1000
  }

  /// 30 days.
  private static let longestOverlap: Int64 = 30 * 24 * 3600
}

extension TokenStore.Request {
  /// Reads a request for a token.
  fileprivate init(_ sent: WireTokenRequest) throws(APIError) {
    let findings = sent.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    guard let name = sent[text: "name"] else { throw .invalid("name is missing") }
    if let finding = PrincipalName.finding(name) { throw .invalid(finding) }
    let groups = sent[texts: "groups"] ?? []
    for group in groups {
      if let finding = PrincipalName.groupFinding(group) { throw .invalid(finding) }
      guard group != PlaneAuthorizer.administrators else {
        throw .invalid("the group \"\(group)\" is that of all administrators; create the token with \"can\": \"admin\"")
      }
    }
    let lifetime = sent[number: "expires_in_seconds"]
    if let lifetime, !(1...Self.longestLifetime).contains(lifetime) {
      throw .invalid("expires_in_seconds must be from 1 to \(Self.longestLifetime)")
    }
    self.init(
      name: name, rights: try Self.rights(sent), groups: Set(groups), lifetime: lifetime.map { $0 * 1000 })
  }

  private static func rights(_ sent: WireTokenRequest) throws(APIError) -> TokenRights {
    let word = sent[text: "can"] ?? TokenLevel.query.rawValue
    let level = TokenLevel(rawValue: word)
    guard level != nil || word == none else {
      let words = TokenLevel.allCases.reversed().map(\.rawValue) + [none]
      throw .invalid("can: \"\(word)\" is not one of \(words.joined(separator: ", "))")
    }
    guard let endpoints = sent[texts: "endpoints"] else { return TokenRights(level) }
    guard !endpoints.isEmpty else { throw .invalid("endpoints must name an endpoint; omit it for all endpoints") }
    guard let level, level != .admin else {
      throw .invalid("endpoints does not apply to a token that can \"\(word)\"; remove it")
    }
    for endpoint in endpoints {
      if let finding = EndpointName.finding(endpoint) { throw .invalid("endpoints: \(finding)") }
    }
    return TokenRights(level, endpoints: Set(endpoints))
  }

  /// The word for a token that may do only what is granted to its name and its groups.
  fileprivate static let none = "none"
  /// 100 years, in seconds.
  private static let longestLifetime: Int64 = 100 * 365 * 24 * 3600
}

extension WireToken {
  fileprivate init(_ record: TokenRecord) {
    var members: [String: JSONValue] = [
      "id": .string(record.id), "name": .string(record.name),
      "can": .string(record.rights.level?.rawValue ?? TokenStore.Request.none),
      "groups": .array(record.groups.sorted().map { .string($0) }), "created_at": .int(record.created),
    ]
    members["endpoints"] = record.rights.endpoints.map { .array($0.sorted().map { .string($0) }) }
    members["created_by"] = record.createdBy.map { .string($0) }
    members["expires_at"] = record.expires.map { .int($0) }
    members["last_used_at"] = record.lastUsed.map { .int($0) }
    members["replaced_at"] = record.replaced.map { .int($0) }
    self.init(members: members)
  }

  fileprivate init(_ created: TokenStore.Created) {
    self.init(created.record)
    members["secret"] = .string(created.secret)
  }
}
