internal import CanonicalJSON

/// A host's token endpoint, according to its well-known documents (serving-api.md 1.6).
struct TokenEndpoint: Hashable, Sendable {
  let url: String
  /// The audience of identity tokens for it, unless configured otherwise.
  let audience: String
}

/// Reads a host's well-known documents. Pure: ``TokenService`` fetches them.
struct OAuthDiscovery {
  /// The target's address.
  let host: String
  let credentials: Credentials

  var hostDocument: String { host + "/.well-known/databricks-config" }

  /// Returns the documents that may name the token endpoint, the best first.
  func serverDocuments(host document: JSONValue?) -> [String] {
    if let url = credentials.discoveryURL { return [url] }
    return [root(document), host + "/oidc"].compactMap { $0.map { $0 + Self.serverDocument } }.uniqued()
  }

  /// Returns the token endpoint to use if none of those documents can be read.
  func fallback(host document: JSONValue?) -> String { (root(document) ?? host + "/oidc") + "/v1/token" }

  func endpoint(url: String, host document: JSONValue?) -> TokenEndpoint {
    TokenEndpoint(url: url, audience: audience(document) ?? url)
  }

  /// Returns the token endpoint in an authorization server's document (RFC 8414).
  static func tokenEndpoint(in document: JSONValue) -> String? {
    document["token_endpoint"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
  }

  private static let serverDocument = "/.well-known/oauth-authorization-server"

  private func root(_ document: JSONValue?) -> String? {
    guard var root = document?["oidc_endpoint"]?.stringValue, !root.isEmpty else { return nil }
    if root.contains(Self.accountMark) {
      guard let account = account(document) else { return nil }
      root = root.replacing(Self.accountMark, with: PercentEncoding.encodeSegment(account))
    }
    while root.hasSuffix("/") { root.removeLast() }
    return root
  }

  private static let accountMark = "{account_id}"

  private func account(_ document: JSONValue?) -> String? {
    credentials.accountID ?? document?["account_id"]?.stringValue
  }

  /// Returns the configured audience; else the one that the host asks for; else, at a host that is not a workspace, the
  /// account.
  private func audience(_ document: JSONValue?) -> String? {
    if let said = credentials.audience { return said }
    if let asked = document?["token_federation_default_oidc_audiences"]?.arrayValue?.first?.stringValue { return asked }
    guard let document, document["workspace_id"].map(\.isNull) ?? true else { return nil }
    return account(document)
  }
}

extension Array where Element: Hashable {
  /// Returns each element once, at its first position.
  fileprivate func uniqued() -> [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
