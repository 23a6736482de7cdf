internal import FoundationEssentials

/// With what rights a repository is read. Secrets are read anew for each connection, so that one can be replaced while
/// the controller runs, and reach git through its environment only.
package struct GitAccess: Hashable, Sendable {
  /// Where a token for HTTPS stands.
  package enum Token: Hashable, Sendable {
    case file(String)
    /// The name of an environment variable.
    case environment(String)
  }

  package var token: Token?
  /// A private key without a pass phrase, for ssh.
  package var keyFile: String?
  /// The host keys that are trusted, for ssh; nil: the user's and the machine's own lists.
  package var knownHostsFile: String?
  /// Certificate authorities that are trusted for HTTPS in place of the machine's; PEM.
  package var certificateAuthorities: String?

  package init(
    token: Token? = nil, keyFile: String? = nil, knownHostsFile: String? = nil, certificateAuthorities: String? = nil
  ) {
    self.token = token
    self.keyFile = keyFile
    self.knownHostsFile = knownHostsFile
    self.certificateAuthorities = certificateAuthorities
  }

  /// - Throws: a `GitSourceError` when the rights do not fit the address.
  func check(against remote: GitRemote) throws(GitSourceError) {
    if token != nil || remote.user != nil || remote.password != nil {
      guard remote.transport != .http || remote.isLocal else {
        throw GitSourceError(
          "tokens and passwords are not sent over plain http", next: "use https")
      }
    }
    guard token != nil else { return }
    guard remote.transport == .https || remote.transport == .http else {
      throw GitSourceError("\(remote.shown) does not use a token", next: "use an https address, or a key for ssh")
    }
    guard remote.password == nil else {
      throw GitSourceError(
        "the address contains a password, but a token is also given", next: "remove the password from the address")
    }
  }

  /// What makes git use the rights at one remote.
  struct Grant {
    var settings: [String] = []
    var environment: [String: String] = [:]
    var secrets: [String] = []
  }

  /// - Throws: `GitFailure` when a token cannot be read.
  func grant(for remote: GitRemote, in environment: [String: String]) throws(GitFailure) -> Grant {
    var grant = Grant()
    switch remote.transport {
    case .https, .http:
      if let certificateAuthorities { grant.settings.append("http.sslCAInfo=\(certificateAuthorities)") }
      try addCredential(to: &grant, remote, environment)
    case .ssh:
      grant.environment["GIT_SSH_COMMAND"] = sshCommand
      grant.environment["GIT_SSH_VARIANT"] = "ssh"
    case .open: break
    }
    // Beside a token the name in the address is only a name.
    if token == nil { grant.secrets += remote.secrets }
    return grant
  }

  private func addCredential(
    to grant: inout Grant, _ remote: GitRemote, _ environment: [String: String]
  ) throws(GitFailure) {
    let password = try token.map { token throws(GitFailure) in try read(token, environment) } ?? remote.password
    guard let origin = remote.origin, password != nil || remote.user != nil else { return }
    // GitHub, GitLab and Gitea look at the token only; for those that look at the name it stands in the address.
    grant.environment["SETPOINT_GIT_USER"] = remote.user ?? "x-access-token"
    grant.environment["SETPOINT_GIT_PASSWORD"] = password ?? ""
    if let password, !password.isEmpty { grant.secrets.append(password) }
    // Bound to scheme, host and port, unlike GIT_ASKPASS, which would answer whatever host a redirect leads to.
    grant.settings.append(
      "credential.\(origin).helper=!f() { test \"$1\" = get && "
        + "printf 'username=%s\\npassword=%s\\n' \"$SETPOINT_GIT_USER\" \"$SETPOINT_GIT_PASSWORD\"; }; f")
  }

  private func read(_ token: Token, _ environment: [String: String]) throws(GitFailure) -> String {
    let text: String
    let place: String
    switch token {
    case .file(let path):
      place = "the token file \(path)"
      do {
        text = String(decoding: try FileContents.read(file: path).bytes, as: UTF8.self)
      } catch {
        throw GitFailure("\(place): \(error.words)")
      }
    case .environment(let name):
      place = "the environment variable \(name)"
      text = environment[name] ?? ""
    }
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
    guard let line = lines.first else { throw GitFailure("no token in \(place)") }
    guard lines.count == 1 else { throw GitFailure("more than one line in \(place)") }
    return line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private var sshCommand: String {
    // Below the level at which a server's banner is printed, which would stand before the reason of a failure.
    var words = [
      "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30", "-o",
      "LogLevel=ERROR",
    ]
    if let keyFile {
      // The key that was named, and none that an agent or a configuration happens to offer.
      words += ["-F", "/dev/null", "-i", keyFile, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    }
    if let knownHostsFile {
      words += ["-o", "UserKnownHostsFile=\"\(knownHostsFile)\"", "-o", "GlobalKnownHostsFile=/dev/null"]
    }
    return words.map(Self.quoted).joined(separator: " ")
  }

  /// For the shell that git runs the command with.
  private static func quoted(_ word: String) -> String {
    "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
