/// Converts an address as users write it to the one that requests are sent to (serving-api.md 1.6).
package enum WorkspaceHost {
  /// Adds a missing scheme (`https`, or `http` for this machine, where a plane usually has no TLS); removes the trailing slash,
  /// `:443` of https, `:80` of http, and a query such as `?o=123` that browsers show; converts the host to lower case;
  /// keeps a path.
  ///
  /// - Throws: `TargetError` if the text is not a server's address.
  package static func normalized(_ text: String, source: String) throws(TargetError) -> String {
    let text = text.trimmed
    func refused(_ reason: String) -> TargetError {
      TargetError(
        "the host from \(source) is not a valid address: \(reason)", advice: "write it as https://HOST or HOST:PORT")
    }
    guard !text.isEmpty else { throw refused("it is empty") }
    guard text.unicodeScalars.allSatisfy({ $0.isASCII && $0.value > 0x20 && $0.value != 0x7F }) else {
      throw refused("it contains a space or a non-ASCII character")
    }
    let (scheme, rest) = split(text)
    if let scheme, scheme != "http", scheme != "https" { throw refused("\"\(scheme)\" is neither http nor https") }
    let withoutQuery = rest.prefix { $0 != "?" && $0 != "#" }
    let authority = withoutQuery.prefix { $0 != "/" }.lowercased()
    // It may contain a password and is not repeated.
    guard !authority.contains("@") else { throw refused("it contains a user name; use a token instead") }
    guard !authority.isEmpty, !authority.hasPrefix(":"), isValidPort(authority) else {
      throw refused("\"\(text)\" has no host, or no valid port")
    }
    let chosen = scheme ?? (loopbackNames.contains(hostName(authority)) ? "http" : "https")
    let defaultPort = chosen == "https" ? ":443" : ":80"
    let host = authority.hasSuffix(defaultPort) ? String(authority.dropLast(defaultPort.count)) : authority
    var path = withoutQuery.dropFirst(authority.count)
    while path.hasSuffix("/") { path = path.dropLast() }
    return "\(chosen)://\(host)\(path)"
  }

  /// Whether a normalized address belongs to this machine.
  package static func isLoopback(_ url: String) -> Bool {
    loopbackNames.contains(hostName(String(split(url).rest.prefix { $0 != "/" })))
  }

  /// Whether a normalized address from the user leads to a plane that listens on this machine: `localhost`, `127.0.0.1`
  /// and `[::1]` name the same machine, and a plane may listen on all of its addresses. A host without a
  /// scheme was taken for `http`, and means a plane with TLS on that port as well: commands use the plane's socket.
  package static func leads(_ url: String, toPlaneAt plane: String) -> Bool {
    guard let (asked, askedRest) = local(url, among: loopbackNames),
      let (announced, announcedRest) = local(plane, among: loopbackNames.union(["0.0.0.0", "[::]"]))
    else { return url == plane }
    let hasTLS = asked == "http" && announced == "https" && askedRest.hasPrefix(":")
    return askedRest == announcedRest && (asked == announced || hasTLS)
  }

  /// Returns the scheme, and what follows the host; nil if the host is none of these.
  private static func local(_ url: String, among names: Set<String>) -> (scheme: String?, rest: Substring)? {
    let (scheme, rest) = split(url)
    let host = hostName(String(rest.prefix { $0 != "/" }))
    return names.contains(host) ? (scheme, rest.dropFirst(host.count)) : nil
  }

  private static let loopbackNames: Set<String> = ["127.0.0.1", "localhost", "[::1]"]

  private static func split(_ text: String) -> (scheme: String?, rest: Substring) {
    guard let mark = text.firstRange(of: "://") else { return (nil, text[...]) }
    return (text[..<mark.lowerBound].lowercased(), text[mark.upperBound...])
  }

  private static func hostName(_ authority: String) -> String {
    guard !authority.hasPrefix("[") else { return String(authority.prefix { $0 != "]" }) + "]" }
    return String(authority.prefix { $0 != ":" })
  }

  private static func isValidPort(_ authority: String) -> Bool {
    let rest = authority.dropFirst(hostName(authority).count)
    return rest.isEmpty || (rest.first == ":" && UInt16(rest.dropFirst()) != nil)
  }
}
