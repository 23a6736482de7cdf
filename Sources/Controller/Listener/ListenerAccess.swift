internal import Gateway
internal import LibCrypto

/// Who may ask, and who may do more than look. Pure.
///
/// No right comes from an address: whoever changes something brings the token, from this machine too. Bound to this machine
/// alone, the listener keeps out the pages in a browser that runs here besides: those send an `Origin`, or, where a name was
/// bent to this machine's address, a `Host` that is not this machine's. So each request has to name a host that is known.
package struct ListenerAccess: Sendable {
  /// Why a request is not let in.
  struct Refusal: Hashable, Sendable {
    /// 401 where a token would help, 400 for what is no request of HTTP/1.1, else 403.
    let status: Int
    let message: String
  }

  private let isLoopback: Bool
  private let allowedHosts: Set<String>

  /// - Parameters:
  ///   - host: the address the listener is bound to.
  ///   - allowedHosts: names beside this machine's own under which it may be asked. None, where it is bound to an address
  ///     that others can reach: by any.
  init(host: String, allowedHosts: [String] = []) {
    isLoopback = Self.isLoopback(host)
    self.allowedHosts = Set(allowedHosts.map { $0.lowercased() })
  }

  /// Why a request that changes something is refused; nil: it may.
  ///
  /// - Parameter token: what it must bring.
  func refusal(authorization: String?, token: ListenerToken) -> Refusal? {
    let expected: String
    switch token {
    case .none:
      return Refusal(
        status: 403,
        message: "the controller has no token, so it refuses all changes; start it with "
          + "--listen-token-file FILE, or let it listen on 127.0.0.1, where it creates one")
    case .unreadable:
      return Refusal(
        status: 403, message: "the controller cannot read its token, so it refuses all changes; see its log")
    case .expected(let token): expected = token
    }
    guard let authorization, !authorization.isEmpty else {
      return Refusal(status: 401, message: "a token is required: send \"Authorization: Bearer TOKEN\"")
    }
    guard let given = AccessToken.read(fromAuthorization: authorization) else {
      return Refusal(status: 401, message: "the Authorization header is not \"Bearer TOKEN\"")
    }
    // An empty token is a mistake, not an invitation.
    return !expected.isEmpty && constantTimeEquals(given, expected)
      ? nil : Refusal(status: 401, message: "the token is not valid for this controller")
  }

  /// Why a request of any kind is refused for the host that it names or the page that it comes from; nil: it is not.
  func refusal(authority: String?, origin: String?) -> Refusal? {
    if isLoopback, origin != nil {
      return Refusal(
        status: 403,
        message: "the request has an Origin header; requests from browser pages are not accepted")
    }
    guard let authority, let named = RequestHost(authority) else {
      let shown = authority.map { "\"\($0.prefix(100))\"" } ?? "nothing"
      return Refusal(
        status: isLoopback ? 403 : 400,
        message: "the Host header names \(shown), which is not a valid host; use localhost")
    }
    if allowedHosts.contains(named.name) || Self.isLoopback(named.name) { return nil }
    guard isLoopback || !(allowedHosts.isEmpty || named.isAddress) else { return nil }
    let problem =
      isLoopback ? "but the controller only accepts local requests" : "which is not allowed by --allow-host"
    return Refusal(
      status: 403,
      message:
        "the Host header names \"\(named.name)\", \(problem); use localhost, or start it with --allow-host NAME")
  }

  /// Whether an address or a name is that of the machine itself.
  package static func isLoopback(_ host: String) -> Bool {
    let host = host.lowercased()
    if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
    let address = host.hasPrefix("::ffff:") ? String(host.dropFirst(7)) : host
    let parts = address.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

/// What a request that changes something has to bring as `Authorization: Bearer`.
package enum ListenerToken: Hashable, Sendable {
  /// There is none: nobody may change anything.
  case none
  case expected(String)
  /// It cannot be read at present, for a reason that is for the log. Nobody may change anything.
  case unreadable(String)
}
