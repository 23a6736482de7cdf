internal import HTTPSupport

/// Access rules of the listener. Pure.
///
/// An address grants nothing: every request that changes something needs the token, from this machine too. On a
/// loopback address, the listener also keeps out web pages in a local browser (``HTTPSupport/HostRule``).
struct ListenerAccess: Sendable {
  /// Why a request is refused.
  struct Refusal: Hashable, Sendable {
    /// 401 if a token would help, 400 if it is not a valid HTTP/1.1 request, otherwise 403.
    let status: Int
    let message: String
  }

  private let hosts: HostRule

  /// - Parameters:
  ///   - host: the address that the listener is bound to.
  ///   - allowedHosts: accepted host names in addition to this machine's own. If it is empty and the address is
  ///     reachable by others, any name is accepted.
  init(host: String, allowedHosts: [String] = []) { hosts = HostRule(host: host, allowedHosts: allowedHosts) }

  /// Why a request that changes something is refused; nil: it is accepted.
  ///
  /// - Parameter token: the token that it must have.
  func refusal(authorization: String?, token: ListenerToken) -> Refusal? {
    let expected: AccessTokenDigest
    switch token {
    case .none:
      return Refusal(
        status: 403,
        message: "the controller has no token, so it refuses all changes; start it with "
          + "--listen-token-file FILE, or let it listen on 127.0.0.1, where it creates one")
    case .unreadable:
      return Refusal(
        status: 403, message: "the controller cannot read its token, so it refuses all changes; see its log")
    case .expected(let token): expected = AccessTokenDigest(token: token)
    }
    switch expected.check(authorization) {
    case nil: return nil
    case .missing:
      return Refusal(status: 401, message: "a token is required: send \"Authorization: Bearer TOKEN\"")
    case .malformed: return Refusal(status: 401, message: "the Authorization header is not \"Bearer TOKEN\"")
    case .wrong, .expired: return Refusal(status: 401, message: "the token is not valid for this controller")
    }
  }

  /// Why a request is refused because of the host that it names or the page that it comes from; nil: it is accepted.
  func refusal(authority: String?, origin: String?) -> Refusal? {
    switch hosts.check(authority: authority, origin: origin) {
    case nil: return nil
    case .fromBrowserPage:
      return Refusal(
        status: 403,
        message: "the request has an Origin header; requests from browser pages are not accepted")
    case .invalidHost(let named):
      let shown = named.map { "\"\($0.prefix(100))\"" } ?? "nothing"
      return Refusal(
        status: hosts.isLoopback ? 403 : 400,
        message: "the Host header names \(shown), which is not a valid host; use localhost")
    case .otherHost(let name):
      let problem =
        hosts.isLoopback ? "but the controller only accepts local requests" : "which is not allowed by --allow-host"
      return Refusal(
        status: 403,
        message: "the Host header names \"\(name)\", \(problem); use localhost, or allow it with --allow-host NAME")
    }
  }
}

/// The token that a request that changes something must have as `Authorization: Bearer`.
package enum ListenerToken: Hashable, Sendable {
  /// No token is configured: all changes are refused.
  case none
  case expected(String)
  /// The token cannot be read at present, for a reason that is only for the log. All changes are refused.
  case unreadable(String)
}
