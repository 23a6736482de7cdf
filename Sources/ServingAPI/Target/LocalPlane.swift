internal import CanonicalJSON

/// The serving plane that runs on this machine, as it announces itself: a small file in the user's runtime directory that
/// names its address and the file with its token. Only files that the user alone can write are believed; whoever could
/// plant one would be sent the user's manifests and prompts.
package struct LocalPlane: Hashable, Sendable {
  /// Such as `http://127.0.0.1:7387`.
  package let url: String
  /// The absolute path of the file with the bearer token.
  package let tokenFile: String
  /// The plane's process.
  package let processID: Int32

  package init(url: String, tokenFile: String, processID: Int32) {
    self.url = url
    self.tokenFile = tokenFile
    self.processID = processID
  }

  /// `$XDG_RUNTIME_DIR/setpoint`, else `/tmp/setpoint-UID`.
  package static func runtimeDirectory(environment: [String: String], userID: UInt32 = SecureFile.userID) -> String {
    if let directory = environment["XDG_RUNTIME_DIR"], directory.hasPrefix("/") {
      return (directory.hasSuffix("/") ? String(directory.dropLast()) : directory) + "/setpoint"
    }
    return "/tmp/setpoint-\(userID)"
  }

  private static func file(in directory: String) -> String { directory + "/plane.json" }

  /// What a plane announced in the directory; nil where none did.
  ///
  /// - Throws: `TargetError` where the directory or the file is not the user's alone, or is not what a plane writes.
  package static func read(from directory: String) throws(TargetError) -> LocalPlane? {
    guard try SecureFile.checkDirectory(directory) else { return nil }
    let path = file(in: directory)
    guard let text = try SecureFile.readPrivate(path) else { return nil }
    guard let json = try? JSONValue(parsing: text), let url = json["url"]?.stringValue,
      let tokenFile = json["token_file"]?.stringValue, tokenFile.hasPrefix("/"),
      let processID = json["pid"]?.intValue.flatMap(Int32.init(exactly:))
    else {
      throw TargetError(
        "\(path) is not what a plane writes", advice: "remove it and start the plane again with `setpoint serve`")
    }
    return LocalPlane(url: url, tokenFile: tokenFile, processID: processID)
  }

  /// Announces the plane: makes the directory (0700) where it is missing and replaces the file (0600) at once.
  ///
  /// - Throws: `TargetError` where that cannot be done, or the directory is not the user's alone.
  package func announce(in directory: String) throws(TargetError) {
    try SecureFile.makeDirectory(directory)
    let json: JSONValue = [
      "url": .string(url), "token_file": .string(tokenFile), "pid": .int(Int64(processID)),
    ]
    try SecureFile.replace(Self.file(in: directory), with: json.bytes(.pretty) + [0x0A])
  }

  /// Takes the announcement back, unless another plane has put its own there since.
  package func withdraw(from directory: String) throws(TargetError) {
    guard try Self.read(from: directory) == self else { return }
    try SecureFile.remove(Self.file(in: directory))
  }
}
