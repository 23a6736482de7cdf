internal import FoundationEssentials

/// The credentials for reading a repository. Secrets are read again for each connection, so that they can be replaced
/// while the controller runs, and reach git only through its environment.
package struct GitAccess: Hashable, Sendable {
  /// The location of a token for HTTPS.
  package enum Token: Hashable, Sendable {
    case file(String)
    /// The name of an environment variable.
    case environment(String)
  }

  package var token: Token?
  /// A private key without a passphrase, for ssh.
  package var keyFile: String?
  /// The trusted host keys, for ssh; nil: the user's and the machine's own lists.
  package var knownHostsFile: String?
  /// The trusted certificate authorities for HTTPS instead of the machine's; PEM.
  package var certificateAuthorities: String?

  package init(
    token: Token? = nil, keyFile: String? = nil, knownHostsFile: String? = nil, certificateAuthorities: String? = nil
  ) {
    self.token = token
    self.keyFile = keyFile
    self.knownHostsFile = knownHostsFile
    self.certificateAuthorities = certificateAuthorities
  }

  /// - Throws: a `GitSourceError` if the credentials do not fit the address.
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

  /// The git configuration that applies the credentials to one remote.
  struct Grant {
    var settings: [String] = []
    var environment: [String: String] = [:]
    var secrets: [String] = []
  }

  /// - Throws: `GitFailure` if a token cannot be read.
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
    // With a token, the name in the address is only a name.
    if token == nil { grant.secrets += remote.secrets }
    return grant
  }

  private func addCredential(
    to grant: inout Grant, _ remote: GitRemote, _ environment: [String: String]
  ) throws(GitFailure) {
    let password = try token.map { token throws(GitFailure) in try read(token, environment) } ?? remote.password
    guard let origin = remote.origin, password != nil || remote.user != nil else { return }
    // GitHub, GitLab and Gitea only check the token; for servers that check the name, it is in the address.
    grant.environment["SETPOINT_GIT_USER"] = remote.user ?? "x-access-token"
    grant.environment["SETPOINT_GIT_PASSWORD"] = password ?? ""
    if let password, !password.isEmpty { grant.secrets.append(password) }
    // Bound to scheme, host and port, unlike GIT_ASKPASS, which would answer any host that a redirect leads to.
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
        throw GitFailure("\(place): \(error.message)")
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
    // At this level the server's banner is not printed, which would precede the reason of a failure.
    var words = [
      "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30", "-o",
      "LogLevel=ERROR",
    ]
    if let keyFile {
      // Only the given key, and none that an agent or a configuration happens to offer.
      words += ["-F", "/dev/null", "-i", keyFile, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    }
    if let knownHostsFile {
      words += ["-o", "UserKnownHostsFile=\"\(knownHostsFile)\"", "-o", "GlobalKnownHostsFile=/dev/null"]
    }
    return words.map(Self.quoted).joined(separator: " ")
  }

  /// Quotes a word for the shell that git runs the command with.
  private static func quoted(_ word: String) -> String {
    "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
