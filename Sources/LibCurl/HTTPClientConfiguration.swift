/// The configuration of a client, which applies to all of its requests.
package struct HTTPClientConfiguration: Sendable {
  /// Where the client finds its proxy.
  package enum Proxy: Sendable, Hashable {
    /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, read as curl reads them.
    case environment
    /// No proxy, whatever the environment says.
    case none
    /// This proxy for every request except to the hosts in `except` (in the format of `no_proxy`).
    case url(String, except: String = "")
  }

  /// A PEM file with the authorities to trust *instead of* the system's; nil for the system's.
  package var caFile: String?
  /// Where to find the proxy.
  package var proxy: Proxy
  /// Limits for requests without their own.
  package var timeouts: HTTPTimeouts
  /// The maximum number of bytes that `HTTPBody.collect()` accepts, after decompression.
  package var maximumBufferedBody: Int
  /// Whether a 3xx response to a `GET` or `HEAD` is followed, at most ten times and never from https to http. Other
  /// methods are never redirected: their 3xx response is returned.
  package var followRedirects: Bool
  /// The `User-Agent` to send.
  package var userAgent: String

  package init(
    caFile: String? = nil, proxy: Proxy = .environment, timeouts: HTTPTimeouts = .standard,
    maximumBufferedBody: Int = 64 << 20, followRedirects: Bool = false, userAgent: String = "setpoint"
  ) {
    self.caFile = caFile
    self.proxy = proxy
    self.timeouts = timeouts
    self.maximumBufferedBody = maximumBufferedBody
    self.followRedirects = followRedirects
    self.userAgent = userAgent
  }
}
