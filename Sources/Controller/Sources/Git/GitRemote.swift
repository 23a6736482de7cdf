internal import Glibc
internal import ServingAPI

/// The remote repository, with the secrets in its address removed.
///
/// git gets the address on its command line, which every user of the machine may see, so a name and password in it are
/// passed in another way (see `GitAccess`), and people see `***` instead.
package struct GitRemote: Hashable, Sendable {
  package enum Transport: Hashable, Sendable {
    case https
    case http
    case ssh
    /// A repository on this machine, or git's own protocol, which has no users.
    case open
  }

  /// The address for git.
  package let address: String
  /// The address for people.
  package let shown: String
  package let transport: Transport
  /// The name in an HTTP address; it may be a token.
  let user: String?
  let password: String?
  /// `scheme://host:port`, for HTTP.
  let origin: String?
  let host: String?

  /// What no output may contain, as written in the address and decoded: the password, or a name without a password,
  /// which may be a token.
  let secrets: [String]

  /// - Throws: a `GitSourceError` if git could not use it, or only by running another program.
  package init(_ url: String) throws(GitSourceError) {
    guard !url.isEmpty, !url.hasPrefix("-"), !url.contains(where: { $0.unicodeScalars.contains { $0.value < 0x20 } })
    else {
      throw Self.invalid(url)
    }
    guard let separator = url.firstRange(of: "://") else {
      self = try Self.withoutScheme(url)
      return
    }
    let scheme = url[..<separator.lowerBound].lowercased()
    let rest = url[separator.upperBound...]
    switch scheme {
    case "file", "git":
      self.init(address: url, shown: url, transport: .open)
    case "https", "http", "ssh":
      let authority = rest.prefix { $0 != "/" }
      let at = authority.lastIndex(of: "@")
      let host = authority[(at.map(authority.index(after:)) ?? authority.startIndex)...]
      let userinfo = at.map { authority[..<$0] }
      guard !host.isEmpty else { throw Self.invalid("\(scheme)://…") }
      self.init(scheme: scheme, userinfo: userinfo, host: String(host), path: String(rest[authority.endIndex...]))
    default:
      throw Self.invalid("\(scheme)://…")
    }
  }

  private init(scheme: String, userinfo: Substring?, host: String, path: String) {
    let parts = userinfo?.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init) ?? []
    let user = parts.first
    let password = parts.count > 1 ? parts[1] : nil
    if scheme == "ssh" {
      // The name is an account of the host ("git"), the key is the secret; ssh accepts no password in an address.
      let account = user.map { $0 + "@" } ?? ""
      self.init(
        address: "ssh://\(account)\(host)\(path)",
        shown: "ssh://\(password == nil ? account : "***@")\(host)\(path)", transport: .ssh,
        secrets: [password].compactMap(\.self))
    } else {
      self.init(
        address: "\(scheme)://\(host)\(path)", shown: "\(scheme)://\(userinfo == nil ? "" : "***@")\(host)\(path)",
        transport: scheme == "https" ? .https : .http, user: user.map(PercentEncoding.decode),
        password: password.map(PercentEncoding.decode),
        origin: "\(scheme)://\(host)", host: host, secrets: [password ?? user].compactMap(\.self))
    }
  }

  private init(
    address: String, shown: String, transport: Transport, user: String? = nil, password: String? = nil,
    origin: String? = nil, host: String? = nil, secrets: [String] = []
  ) {
    self.address = address
    self.shown = shown
    self.transport = transport
    self.user = user.flatMap { $0.isEmpty ? nil : $0 }
    self.password = password
    self.origin = origin
    self.host = host
    self.secrets = (secrets + secrets.map(PercentEncoding.decode)).filter { !$0.isEmpty }
  }

  /// Parses `git@host:path`, or a path on this machine.
  private static func withoutScheme(_ url: String) throws(GitSourceError) -> GitRemote {
    let beforeSlash = url.prefix { $0 != "/" }
    guard let colon = beforeSlash.firstIndex(of: ":") else {
      let path = absolutePath(url)
      return GitRemote(address: path, shown: path, transport: .open)
    }
    // "ext::sh -c …" and the like run a program that the address chooses.
    guard !url[url.index(after: colon)...].hasPrefix(":") else { throw invalid(String(beforeSlash[..<colon]) + "::…") }
    return GitRemote(address: url, shown: url, transport: .ssh)
  }

  private static func invalid(_ shown: String) -> GitSourceError {
    GitSourceError(
      "\"\(shown)\" is not a valid git repository address",
      next: "write https://…, ssh://…, user@host:path, file://… or a path")
  }

  /// The path of a repository on this machine; nil if it is elsewhere, or if the path is encoded.
  var localPath: String? {
    guard transport == .open else { return nil }
    if address.hasPrefix("/") { return address }
    guard address.lowercased().hasPrefix("file:///"), !address.contains("%") else { return nil }
    return String(address.dropFirst("file://".count))
  }

  /// Whether the host is this machine, so that nobody can eavesdrop.
  var isLocal: Bool {
    guard let host else { return false }
    if host.hasPrefix("[") { return host.hasPrefix("[::1]") }
    let name = host.prefix { $0 != ":" }
    // All of 127.0.0.0/8, but not a name that begins like it.
    return name == "localhost" || name.hasPrefix("127.") && name.allSatisfy { "0123456789.".contains($0) }
  }
}
