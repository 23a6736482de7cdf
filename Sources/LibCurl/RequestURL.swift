internal import CCurl

/// A URL that libcurl's own parser accepts, and the form of it that may be shown.
///
/// It is taken apart by the parser that sends it, so that what is checked is what is used.
struct RequestURL: Sendable {
  /// The URL as it was given.
  let text: String
  /// Scheme, host, port and path: what an error may say.
  let shown: String
  /// Whether the scheme is `https`.
  let isSecure: Bool

  /// - Throws: `Malformed` when it is no absolute `http` or `https` URL.
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

  /// A text that is no URL. What it holds is not repeated: a secret may be anywhere in it.
  struct Malformed: Error {
    let reason: String
  }

  /// What stands for a URL that could not be taken apart.
  static let unreadable = "(invalid URL)"
}
