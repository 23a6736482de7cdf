internal import CanonicalJSON
internal import Endpoints
internal import ServingAPI

/// A token whose secret has just been issued. The secret is shown this one time.
struct IssuedToken {
  private let token: WireToken
  private let name: String

  /// - Parameter name: the name that was requested.
  init(_ token: WireToken, name: String) {
    self.token = token
    self.name = token.name ?? name
  }

  /// Prints the secret alone on standard output, so that a shell can assign it, and the rest for the user.
  func show(_ output: PlanFormat, of target: ProviderTarget) throws {
    let console = CommandContext.current.console
    let secret = token.secret ?? ""
    guard output == .text else {
      return try console.json([
        "kind": "Token", "name": .string(name), "id": token.id.map { .string($0) } ?? .null,
        "secret": .string(secret), "expires": token.expiresAt.map { .string(TimeText.instant($0)) } ?? .null,
      ])
    }
    let expiry = token.expiresAt.map { "expires at \(TimeText.instant($0))" } ?? "does not expire"
    console.note("token \"\(name)\": \(token.permission); \(expiry)")
    console.note("its secret is shown once; store it now")
    try console.result(secret)
    console.note("clients use it as DATABRICKS_TOKEN, with DATABRICKS_HOST=\(target.url)")
  }
}

extension WireToken {
  /// What the token allows, such as `query on chat, rag`.
  var permission: String {
    let groups = (self.groups ?? []).sorted()
    let membership = groups.isEmpty ? "" : "; groups: \(groups.joined(separator: ", "))"
    guard let can else { return "only what is granted to it on single endpoints" + membership }
    return "\(can) on \(endpoints.map { $0.joined(separator: ", ") } ?? "all endpoints")" + membership
  }
}
