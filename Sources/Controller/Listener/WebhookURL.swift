internal import FoundationEssentials

/// The URL of a webhook. Everything except scheme, host and port is treated as a secret: anyone who has the path can
/// post.
package struct WebhookURL: Hashable, Sendable, CustomStringConvertible {
  /// The complete URL.
  let text: String
  /// The part that may be shown: `https://hooks.example.com`.
  package let shown: String
  /// The parts that must not be shown and that a server or a library might repeat, longest first.
  private let secrets: [String]

  package var description: String { shown }

  /// - Throws: ``Malformed``, which does not repeat the text.
  package init(_ text: String) throws(Malformed) {
    let text = String(text.drop { $0.isWhitespace }.prefix { !$0.isNewline })
    guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
      scheme == "https" || scheme == "http", let host = url.host, !host.isEmpty
    else { throw Malformed() }
    self.text = text
    shown = "\(scheme)://\(host)\(url.port.map { ":\($0)" } ?? "")"
    let path = url.percentEncodedPath
    var parts = [
      path, url.path, url.percentEncodedQuery, url.query, url.percentEncodedUser, url.percentEncodedPassword,
    ]
    .compactMap(\.self)
    parts += path.split(separator: "/").map(String.init)
    parts += url.queryItems?.compactMap(\.value) ?? []
    // A short part is a common word such as "hooks", which reveals nothing and may occur in any sentence.
    secrets = Set(parts.filter { $0.count > 5 }).sorted { ($1.count, $0) < ($0.count, $1) }
  }

  /// Returns a text from outside without the URL's secret parts.
  func redacted(_ words: String) -> String {
    secrets.reduce(words) { words, secret in words.replacing(secret, with: "…") }
  }

  /// The error for a text that is not a URL to post to.
  package struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String {
      "the notification URL is not an absolute http or https URL; it is not shown because it may contain a secret"
    }
  }
}
