internal import ServingPlane

/// The options of `setpoint serve` as they were given.
enum ServeOptions {
  /// Returns the options that a later start needs besides `--data`, with absolute paths: it may be in another directory,
  /// and there may be no plane to take over from.
  ///
  /// - Parameter arguments: the words after `serve`. None of its options is a secret.
  static func forRestart(_ arguments: some Collection<String>, isInBackground: Bool) -> [String] {
    var options: [String] = []
    var rest = Array(arguments)[...]
    while let word = rest.popFirst() {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let value = parts.count > 1 ? parts[1] : nil
      switch parts.first {
      case "--takeover": continue
      case "--data":
        if value == nil { rest = rest.dropFirst() }
      case "--python":
        guard let path = value ?? rest.popFirst() else { continue }
        options += ["--python", path.contains("/") ? PlaneConfiguration.absolute(path) : path]
      case "--tls-cert", "--tls-key":
        guard let path = value ?? rest.popFirst() else { continue }
        options += [parts[0], PlaneConfiguration.absolute(path)]
      default: options.append(word)
      }
    }
    return options + (isInBackground ? ["--background"] : [])
  }
}
