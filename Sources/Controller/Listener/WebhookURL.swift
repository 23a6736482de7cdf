internal import FoundationEssentials

/// Where notifications go. All of it but scheme, host and port is taken for a secret: whoever has a webhook's path can
/// post there.
package struct WebhookURL: Hashable, Sendable, CustomStringConvertible {
  /// The URL as it is used.
  let text: String
  /// What may be shown: `https://hooks.example.com`.
  package let shown: String
  /// What must not be: the parts of the URL that a server or a library might repeat, longest first.
  private let secrets: [String]

  package var description: String { shown }

  /// - Throws: ``Malformed``; what the text holds is not repeated.
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
    // A short part is a word like "hooks", which says nothing and may stand in any sentence.
    secrets = Set(parts.filter { $0.count > 5 }).sorted { ($1.count, $0) < ($0.count, $1) }
  }

  /// A text that came from outside, without the URL's secret parts.
  func redacted(_ words: String) -> String {
    secrets.reduce(words) { words, secret in words.replacing(secret, with: "…") }
  }

  /// A text that is no URL to post to.
  package struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String {
      "the notification URL is not an absolute http or https URL; it is not shown because it may contain a secret"
    }
  }
}
