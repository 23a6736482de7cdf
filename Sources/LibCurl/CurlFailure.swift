internal import CCurl
internal import Durations

/// Translates libcurl's result codes for the caller.
enum CurlFailure {
  /// Returns libcurl's description of a code.
  static func description(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }

  static func description(_ code: CURLMcode) -> String { String(cString: curl_multi_strerror(code)) }

  /// Returns the kind of failure and a sentence for people.
  ///
  /// - Parameters:
  ///   - detail: the content of the transfer's error buffer.
  ///   - proxyStatus: the status of the proxy's response to `CONNECT`; 0 if there was none.
  ///   - isConnected: whether the connection was established and the request in flight.
  static func describe(
    _ code: CURLcode, detail: String, proxyStatus: Int, isConnected: Bool, timeouts: HTTPTimeouts
  ) -> (code: HTTPClientError.Code, message: String) {
    let kind = kind(code, proxyStatus: proxyStatus, isConnected: isConnected)
    let sentence = sentence(kind, timeouts: timeouts)
    guard !detail.isEmpty else { return (kind, "\(sentence): \(description(code))") }
    return (kind, sentence + addition(detail, code, kind))
  }

  /// Returns what libcurl's detail adds to our sentence; some details repeat it.
  private static func addition(_ detail: String, _ code: CURLcode, _ kind: HTTPClientError.Code) -> String {
    func rest(_ text: String, after start: String) -> Substring? {
      text.hasPrefix(start) ? text.dropFirst(start.count) : nil
    }
    // Such as `Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server`.
    let end = ": " + description(code)
    let text = detail.hasSuffix(end) ? String(detail.dropLast(end.count)) : detail
    let place = rest(text, after: "Failed to connect to ")
    switch kind {
    case .connect: if let place { return " to \(place)" }
    case .resolve: if let host = rest(text, after: "Could not resolve host: ") { return ": \(host)" }
    case .timeout:
      if place != nil || text.hasPrefix("Connection timed out") || text.hasPrefix("Connection timeout") { return "" }
    default: break
    }
    return ": \(text)"
  }

  private static func kind(_ code: CURLcode, proxyStatus: Int, isConnected: Bool) -> HTTPClientError.Code {
    // Before the request is in flight, only a proxy can have answered.
    if !isConnected && proxyStatus >= 300 { return .proxy }
    return switch code {
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: isConnected ? .other : .invalidRequest
    case CURLE_COULDNT_RESOLVE_HOST: .resolve
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: .proxy
    case CURLE_COULDNT_CONNECT: .connect
    // libcurl's own timer is for connections only; the idle and total limits are ours.
    case CURLE_OPERATION_TIMEDOUT: .timeout(.connect)
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_ENGINE_INITFAILED,
      CURLE_SSL_CRL_BADFILE, CURLE_USE_SSL_FAILED, CURLE_SSL_CLIENTCERT:
      .tls
    case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM:
      isConnected ? .connectionLost : .connect
    default: .other
    }
  }

  private static func sentence(_ kind: HTTPClientError.Code, timeouts: HTTPTimeouts) -> String {
    switch kind {
    case .invalidRequest: "invalid request"
    case .resolve: "the host name could not be resolved"
    case .connect: "could not connect"
    case .tls: "could not establish a trusted TLS connection"
    case .timeout: "connection timed out after \(DurationText.text(timeouts.connect ?? .seconds(300)))"
    case .connectionLost: "the connection was lost"
    case .proxy: "the proxy could not be used"
    default: "the transfer failed"
    }
  }
}

extension Duration {
  /// Whole milliseconds, at least one: 0 means "no limit" to libcurl.
  var milliseconds: Int {
    let (seconds, attoseconds) = components
    let bounded = min(max(seconds, 0), Int64(Int32.max / 1000))
    return max(1, Int(bounded * 1000 + attoseconds / 1_000_000_000_000_000))
  }
}
