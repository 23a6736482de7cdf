internal import Controller
internal import Endpoints
internal import ServingPlane

/// The options of `setpoint run` as they were given.
enum RunArguments {
  /// Returns the arguments that start the same controller again from any directory: paths are absolute, and values that
  /// may be secret are replaced.
  ///
  /// - Parameter arguments: the arguments after `run`.
  static func forRestart(_ arguments: some Collection<String>) -> [String] {
    var words: [String] = []
    var rest = Array(arguments)[...]
    while let word = rest.popFirst() {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard word.hasPrefix("-"), let option = parts.first else {
        words.append(CredentialShape.redacted(word))
        continue
      }
      words.append(option)
      if parts.count > 1 {
        words.append(value(parts[1], of: option))
      } else if changed.contains(option), let next = rest.popFirst() {
        words.append(value(next, of: option))
      }
    }
    return words
  }

  private static func value(_ value: String, of option: String) -> String {
    // A webhook's URL is often a secret.
    if option == "--notify" { return "URL" }
    // The user name in an address may be a token too.
    if option == "--git" { return CredentialShape.redacted((try? GitRemote(value))?.shown ?? value) }
    return files.contains(option) ? PlaneConfiguration.absolute(value) : CredentialShape.redacted(value)
  }

  private static let files: Set = [
    "-f", "--filename", "--git-token-file", "--git-key-file", "--git-known-hosts", "--allowed-signers",
    "--listen-token-file", "--hook-secret-file", "--notify-url-file", "--notify-template", "--pause-file", "--state",
  ]
  /// The options whose values are not recorded as given.
  private static let changed = files.union(["--notify", "--git"])
}
