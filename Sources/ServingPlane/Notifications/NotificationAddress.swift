import FoundationEssentials
import LibCurl

/// Where a notification goes: an email address, or the URL of a webhook.
enum NotificationAddress: Hashable, Sendable {
  case mail(MailAddress)
  /// - Parameter shown: the part of the URL that may be shown. Whoever has the rest can post.
  case webhook(url: String, shown: String)

  /// Returns nil for a text that is neither.
  init?(_ text: String) {
    guard text.contains("://") else {
      guard let address = try? MailAddress(text), address.isFullyQualified else { return nil }
      self = .mail(address)
      return
    }
    let isPlain = text.utf8.count <= Self.longestURL && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    guard isPlain, let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
      scheme == "https" || scheme == "http", let host = url.host, !host.isEmpty
    else { return nil }
    self = .webhook(url: text, shown: "\(scheme)://\(host)\(url.port.map { ":\($0)" } ?? "")")
  }

  private static let longestURL = 2048

  /// For the log.
  var shown: String {
    switch self {
    case .mail(let address): address.text
    case .webhook(_, let shown): shown
    }
  }
}
