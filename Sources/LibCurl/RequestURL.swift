internal import CCurl

/// A URL that libcurl's parser accepts, and its form for display.
///
/// It is parsed by the library that sends it, so that the validated URL is the one that is used.
struct RequestURL: Sendable {
  /// The URL as given.
  let text: String
  /// Scheme, host, port and path: the parts that an error may show.
  let shown: String
  /// Whether the scheme is `https`.
  let isSecure: Bool

  /// - Throws: `Malformed` if it is not an absolute `http` or `https` URL.
  init(_ text: String) throws(Malformed) {
    if let byte = text.utf8.first(where: { $0 <= 0x20 || $0 == 0x7F }) {
      throw Malformed(reason: "the URL contains \(byte.controlName); percent-encode it")
    }
    guard let url = curl_url() else { throw Malformed(reason: "out of memory") }
    defer { curl_url_cleanup(url) }
    let code = curl_url_set(url, CURLUPART_URL, text, 0)
    guard code == CURLUE_OK else {
      throw Malformed(reason: "not an absolute http or https URL (\(String(cString: curl_url_strerror(code))))")
    }
    func part(_ part: CURLUPart) -> String? {
      var value: UnsafeMutablePointer<CChar>?
      guard curl_url_get(url, part, &value, 0) == CURLUE_OK, let value else { return nil }
      defer { curl_free(value) }
      return String(cString: value)
    }
    guard let scheme = part(CURLUPART_SCHEME), scheme == "http" || scheme == "https" else {
      throw Malformed(reason: "only http and https URLs are supported")
    }
    self.text = text
    self.isSecure = scheme == "https"
    let port = part(CURLUPART_PORT).map { ":\($0)" } ?? ""
    self.shown = "\(scheme)://\(part(CURLUPART_HOST) ?? "")\(port)\(part(CURLUPART_PATH) ?? "")"
  }

  /// The error for an invalid URL. It does not repeat the text, which may contain a secret anywhere.
  struct Malformed: Error {
    let reason: String
  }

  /// The placeholder for a URL that could not be parsed.
  static let unreadable = "(invalid URL)"
}
