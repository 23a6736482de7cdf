/// Which hosts a request to a listener may name. Pure.
///
/// On a loopback address, the rule keeps out web pages in a local browser: their requests have an `Origin` header or,
/// after DNS rebinding, a `Host` that is not this machine's. So each request has to name a known host.
package struct HostRule: Sendable {
  /// Why a request is refused.
  package enum Refusal: Hashable, Sendable {
    /// It comes from a page in a browser.
    case fromBrowserPage
    /// It names no valid host; the value is what it names.
    case invalidHost(String?)
    /// It names a host that is not allowed.
    case otherHost(String)
  }

  /// Whether the listener is bound to a loopback address.
  package let isLoopback: Bool
  private let allowedHosts: Set<String>

  /// - Parameters:
  ///   - host: the address that the listener is bound to.
  ///   - allowedHosts: accepted host names in addition to this machine's own. If it is empty and the address is
  ///     reachable by others, any name is accepted.
  package init(host: String, allowedHosts: [String] = []) {
    isLoopback = Loopback.contains(host)
    self.allowedHosts = Set(allowedHosts.map { $0.lowercased() })
  }

  /// Returns why a request is refused; nil if it is accepted.
  ///
  /// - Parameters:
  ///   - authority: its `Host` header.
  ///   - origin: its `Origin` header.
  package func check(authority: String?, origin: String?) -> Refusal? {
    if isLoopback, origin != nil { return .fromBrowserPage }
    guard let authority, let named = RequestHost(authority) else { return .invalidHost(authority) }
    if allowedHosts.contains(named.name) || Loopback.contains(named.name) { return nil }
    guard isLoopback || !(allowedHosts.isEmpty || named.isAddress) else { return nil }
    return .otherHost(named.name)
  }
}
