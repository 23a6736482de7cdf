/// The host in a request's `Host` header, without the port.
struct RequestHost: Hashable, Sendable {
  /// In lower case; an IPv6 address without brackets.
  let name: String
  /// Whether it is an address. After DNS rebinding, a web page's requests still name the page's own site.
  let isAddress: Bool

  /// Returns nil if the text is not a valid host; only a port may follow the host.
  init?(_ authority: String) {
    let rest: Substring
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      name = authority[authority.index(after: authority.startIndex)..<end].lowercased()
      guard name.contains(":"), name.utf8.allSatisfy({ Self.addressBytes.contains($0) }) else { return nil }
      rest = authority[authority.index(after: end)...]
      isAddress = true
    } else {
      let host = authority.prefix { $0 != ":" }.lowercased()
      guard !host.isEmpty, host.utf8.allSatisfy({ Self.nameBytes.contains($0) }) else { return nil }
      name = host.hasSuffix(".") ? String(host.dropLast()) : host
      rest = authority[authority.index(authority.startIndex, offsetBy: host.count)...]
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      isAddress = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
    guard rest.isEmpty || (rest.first == ":" && UInt16(rest.dropFirst()) != nil) else { return nil }
  }

  private static let addressBytes = Set("0123456789abcdef:.".utf8)
  private static let nameBytes = Set("abcdefghijklmnopqrstuvwxyz0123456789-._".utf8)
}
