internal import CanonicalJSON
internal import FoundationEssentials
internal import LibCurl
internal import ServingAPI

/// Callers, and the tokens that prove their identity (serving-api.md 1.6).
extension WorkspaceState {
  struct Identities {
    /// The caller of the current request.
    var caller = Principal(kind: "user_name", name: "deployer@example.com")
    /// Personal access tokens and their users.
    var personalTokens = ["dapi-secret-token": Principal(kind: "user_name", name: "deployer@example.com")]
    /// Client ids of service principals with their secrets.
    var clients = ["setpoint-client": "client-secret-of-a-test"]
    /// Tokens of other issuers, by text, and the service principal for which each can be exchanged.
    var federated = ["identity-token-of-a-test": "setpoint-client"]
    /// Tokens that were issued by this workspace.
    var issued: [String: (principal: Principal, end: Int64)] = [:]
    var issuedCount = 0
    var groups: [String: Set<String>] = [:]
    /// All existing principals; nil: any name is accepted.
    var known: Set<String>?
  }

  /// Nil if the request's token is valid; then the caller is known.
  mutating func refusalOfToken(in request: HTTPRequest) -> WorkspaceResponse? {
    let header = request.headers.first { $0.name.lowercased() == "authorization" }?.value ?? ""
    let token = header.hasPrefix("Bearer ") ? String(header.dropFirst(7)) : ""
    if let principal = identities.personalTokens[token] {
      identities.caller = principal
      return nil
    }
    guard let issued = identities.issued[token] else {
      return .error(401, "UNAUTHENTICATED", "Invalid access token.")
    }
    guard now < issued.end else { return .error(401, "UNAUTHENTICATED", "The access token expired.") }
    identities.caller = issued.principal
    return nil
  }

  /// The calls that need no token; nil for any other path.
  mutating func openCall(_ request: HTTPRequest, _ path: String) -> WorkspaceResponse? {
    let base = request.url.prefix(request.url.count - request.apiPathAndQuery.count)
    switch path {
    case "/.well-known/databricks-config":
      guard !behaviors.hidesHostMetadata else { return .error(404, "ENDPOINT_NOT_FOUND", "No API found.") }
      return WorkspaceResponse(json: [
        "oidc_endpoint": .string("\(base)/oidc"), "account_id": "00000000-1111-2222-3333-444444444444",
        "workspace_id": "1234567890", "cloud": "aws",
      ])
    case "/oidc/.well-known/oauth-authorization-server":
      return WorkspaceResponse(json: [
        "issuer": .string("\(base)/oidc"), "authorization_endpoint": .string("\(base)/oidc/v1/authorize"),
        "token_endpoint": .string("\(base)/oidc/v1/token"),
      ])
    case "/oidc/v1/token": return issueToken(request)
    default: return nil
    }
  }

  /// `GET /api/2.0/preview/scim/v2/Me`.
  func me() -> WorkspaceResponse {
    let caller = identities.caller
    let groups = identities.groups.filter { $0.value.contains(caller.name) }.keys.sorted()
    return WorkspaceResponse(json: [
      "id": "8001", "userName": .string(caller.name), "displayName": .string(caller.name), "active": true,
      "groups": .array(groups.map { ["display": .string($0)] }),
      "schemas": [
        .string("urn:ietf:params:scim:schemas:core:2.0:\(caller.kind == "user_name" ? "User" : "ServicePrincipal")")
      ],
    ])
  }

  // MARK: - OAuth

  private mutating func issueToken(_ request: HTTPRequest) -> WorkspaceResponse {
    let form = FormText.members(of: String(decoding: request.body ?? [], as: UTF8.self))
    guard request.method == "POST" else { return refused("invalid_request", "POST is needed") }
    let client: String
    switch form["grant_type"] {
    case "client_credentials":
      let (id, secret) = credentials(of: request, form)
      guard identities.clients[id] == secret else {
        return refused("invalid_client", "Client authentication failed", 401)
      }
      guard form["scope"]?.contains("all-apis") == true else { return refused("invalid_scope", "all-apis is needed") }
      client = id
    case "urn:ietf:params:oauth:grant-type:token-exchange":
      guard form["subject_token_type"]?.hasPrefix("urn:ietf:params:oauth:token-type:") == true,
        let subject = form["subject_token"], let principal = identities.federated[subject]
      else { return refused("invalid_request", "The subject token is not trusted by any federation policy") }
      if let id = form["client_id"], !id.isEmpty, id != principal {
        return refused("invalid_client", "The policy is not for client \(id)")
      }
      client = principal
    default: return refused("unsupported_grant_type", "\(form["grant_type"] ?? "no grant_type")")
    }
    identities.issuedCount += 1
    let token = "issued-token-\(identities.issuedCount)"
    identities.issued[token] = (
      Principal(kind: "service_principal_name", name: client), now + behaviors.tokenLife.milliseconds
    )
    return WorkspaceResponse(json: [
      "access_token": .string(token), "token_type": "Bearer", "scope": "all-apis",
      "expires_in": .int(behaviors.tokenLife.milliseconds / 1000),
    ])
  }

  /// From HTTP Basic, otherwise from the form.
  private func credentials(of request: HTTPRequest, _ form: [String: String]) -> (String, String) {
    let header = request.headers.first { $0.name.lowercased() == "authorization" }?.value ?? ""
    guard header.hasPrefix("Basic "), let data = Data(base64Encoded: String(header.dropFirst(6))) else {
      return (form["client_id"] ?? "", form["client_secret"] ?? "")
    }
    let parts = String(decoding: data, as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init)
    return (FormText.decoded(parts.first ?? ""), FormText.decoded(parts.count > 1 ? parts[1] : ""))
  }

  private func refused(_ code: String, _ words: String, _ status: Int = 400) -> WorkspaceResponse {
    WorkspaceResponse(
      status: status,
      json: behaviors.speaksOktaErrors
        ? ["errorCode": .string(code), "errorSummary": .string(words)]
        : ["error": .string(code), "error_description": .string(words)])
  }
}

/// Text of the form `a=1&b=2`, decoded.
enum FormText {
  static func members(of text: String) -> [String: String] {
    Dictionary(
      text.split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1).map { decoded(String($0)) }
        return (parts.first ?? "", parts.count > 1 ? parts[1] : "")
      }, uniquingKeysWith: { $1 })
  }

  static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
