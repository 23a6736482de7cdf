internal import Gateway
internal import LibCrypto

/// Who may do more than look. Pure.
///
/// Bound to this machine alone, the listener trusts whoever can reach it, but not the pages in a browser that runs
/// here: those send an `Origin`, or, where a name was bent to this machine's address, a `Host` that is not this
/// machine's.
struct ListenerAccess: Sendable {
  /// Why a request is not let in.
  struct Refusal: Hashable, Sendable {
    /// 401 where a token would help, else 403.
    let status: Int
    let message: String
  }

  private let isLoopback: Bool
  private let host: String
  private let token: String?

  /// - Parameters:
  ///   - host: the address the listener is bound to.
  ///   - token: what a request that changes something must bring.
  init(host: String, token: String?) {
    isLoopback = Self.isLoopback(host)
    self.host = host
    self.token = token
  }

  /// Why a request that changes something is refused; nil: it may.
  func refusal(authority: String?, origin: String?, authorization: String?) -> Refusal? {
    if let refusal = browserRefusal(authority: authority, origin: origin) { return refusal }
    guard let token else {
      return isLoopback
        ? nil
        : Refusal(
          status: 403,
          message: "the controller listens on \(host), which other machines can reach, and was given no token: "
            + "start it with --listen-token-file FILE, or let it listen on 127.0.0.1")
    }
    guard let authorization, !authorization.isEmpty else {
      return Refusal(status: 401, message: "a token is needed: send \"Authorization: Bearer TOKEN\"")
    }
    guard let given = AccessToken.read(fromAuthorization: authorization) else {
      return Refusal(status: 401, message: "the Authorization header is not \"Bearer TOKEN\"")
    }
    // An empty token is a mistake, not an invitation.
    return !token.isEmpty && constantTimeEquals(given, token)
      ? nil : Refusal(status: 401, message: "the token is not this controller's")
  }

  /// Why a request seems to come from a page in a browser; nil: it does not.
  func browserRefusal(authority: String?, origin: String?) -> Refusal? {
    guard isLoopback else { return nil }
    if origin != nil {
      return Refusal(status: 403, message: "this is not for pages in a browser: the request has an Origin header")
    }
    guard let authority, Self.isLocal(authority: authority) else {
      let named = authority.map { "\"\($0)\"" } ?? "nothing"
      return Refusal(
        status: 403,
        message: "the Host header names \(named), and the controller listens for this machine alone: use localhost")
    }
    return nil
  }

  /// Whether an address or a name is that of the machine itself.
  static func isLoopback(_ host: String) -> Bool {
    let host = host.lowercased()
    if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
    let address = host.hasPrefix("::ffff:") ? String(host.dropFirst(7)) : host
    let parts = address.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  /// The same of a `Host` header, which may have a port.
  private static func isLocal(authority: String) -> Bool {
    if authority.hasPrefix("[") { return isLoopback(String(authority.dropFirst().prefix { $0 != "]" })) }
    return isLoopback(String(authority.prefix { $0 != ":" }))
  }
}
