internal import CanonicalJSON
internal import Endpoints

/// A serving plane on this machine, as it announces itself: a small file in the user's runtime directory with its
/// address, its token file, and the Unix socket next to it through which commands connect.
///
/// Only files that only the user can write to are trusted: anyone who could forge an announcement would receive the
/// user's token, manifests and prompts. For the same reason, commands use the socket, not the port: anyone may take the
/// port of a stopped plane.
package struct LocalPlane: Hashable, Sendable {
  /// Such as `http://127.0.0.1:7387`.
  package let url: String
  /// The absolute path of the file with the bearer token.
  package let tokenFile: String
  /// The plane's process.
  package let processID: Int32
  /// The absolute path of its data directory, without links. Each has at most one plane at a time.
  package let dataDirectory: String
  /// The other options that it was started with, such as `--port 7400`; empty if an older release announced it.
  package let options: [String]

  package init(
    url: String, tokenFile: String, processID: Int32, dataDirectory: String, options: [String] = []
  ) {
    self.url = url
    self.tokenFile = tokenFile
    self.processID = processID
    self.dataDirectory = dataDirectory
    self.options = options
  }

  /// The command that starts the plane again, quoted for a shell.
  package var startCommand: String { ShellWord.line(["setpoint", "serve", "--data", dataDirectory] + options) }

  /// `$XDG_RUNTIME_DIR/setpoint`, else `/tmp/setpoint-UID`.
  package static func runtimeDirectory(environment: [String: String], userID: UInt32 = SecureFile.userID) -> String {
    if let directory = environment["XDG_RUNTIME_DIR"], directory.hasPrefix("/") {
      return (directory.hasSuffix("/") ? String(directory.dropLast()) : directory) + "/setpoint"
    }
    return "/tmp/setpoint-\(userID)"
  }

  /// The Unix socket of the plane with that data directory. It is next to the announcement, or if that path is too long
  /// for a socket, in the directory that is used without XDG_RUNTIME_DIR.
  package static func socket(in runtimeDirectory: String, dataDirectory: String) -> String {
    stem(socketDirectory(runtimeDirectory), dataDirectory) + ".sock"
  }

  private static func socketDirectory(_ runtimeDirectory: String) -> String {
    let longest = stem(runtimeDirectory, "") + ".sock"
    return longest.utf8.count <= UnixSocket.longestPath ? runtimeDirectory : Self.runtimeDirectory(environment: [:])
  }

  /// The socket through which commands connect to this plane.
  package func socket(in runtimeDirectory: String) -> String {
    Self.socket(in: runtimeDirectory, dataDirectory: dataDirectory)
  }

  private func file(in runtimeDirectory: String) -> String { Self.stem(runtimeDirectory, dataDirectory) + ".json" }

  /// A name for each data directory, so that planes do not overwrite each other's announcements and a restarted plane
  /// replaces its previous one.
  private static func stem(_ runtimeDirectory: String, _ dataDirectory: String) -> String {
    // FNV-1a: it distinguishes directories, and protects nothing.
    let hash = dataDirectory.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return "\(runtimeDirectory)/plane-\(String(repeating: "0", count: 16 - digits.count))\(digits)"
  }

  /// Creates the directory (0700) if it is missing, and checks that only this user can access it.
  package static func prepare(_ runtimeDirectory: String) throws(TargetError) {
    for directory in Set([runtimeDirectory, socketDirectory(runtimeDirectory)]) {
      try SecureFile.makeDirectory(directory)
      try SecureFile.checkParents(of: directory)
    }
  }

  /// Announces the plane: replaces its file (0600) atomically. Its socket must already be listening.
  ///
  /// - Throws: `TargetError` if that fails, or if others can access the directory.
  package func announce(in runtimeDirectory: String) throws(TargetError) {
    try Self.prepare(runtimeDirectory)
    try SecureFile.replace(file(in: runtimeDirectory), with: content)
    if (try? Self.read(Self.lastFile(runtimeDirectory)))?.dataDirectory == dataDirectory {
      try SecureFile.remove(Self.lastFile(runtimeDirectory))
    }
  }

  private var content: [UInt8] {
    let json: JSONValue = [
      "url": .string(url), "token_file": .string(tokenFile), "pid": .int(Int64(processID)),
      "data_directory": .string(dataDirectory), "options": .array(options.map { .string($0) }),
    ]
    return json.bytes(.pretty) + [0x0A]
  }

  /// Removes the announcement and the socket, unless another process has replaced them.
  package func withdraw(from runtimeDirectory: String) throws(TargetError) {
    guard try Self.read(file(in: runtimeDirectory)) == self else { return }
    try SecureFile.remove(file(in: runtimeDirectory))
    try SecureFile.remove(socket(in: runtimeDirectory))
  }

  /// Withdraws a plane that was stopped, and remembers it, so that commands can suggest how to start it again.
  package func withdrawStopped(from runtimeDirectory: String) throws(TargetError) {
    try withdraw(from: runtimeDirectory)
    try SecureFile.replace(Self.lastFile(runtimeDirectory), with: content)
  }

  /// The announcement of the plane that was stopped last.
  private static func lastFile(_ runtimeDirectory: String) -> String { "\(runtimeDirectory)/last-plane.json" }

  /// Reads an announcement; nil if it is gone.
  private static func read(_ path: String) throws(TargetError) -> LocalPlane? {
    guard let text = try SecureFile.readPrivate(path) else { return nil }
    guard let json = try? JSONValue(parsing: text), let url = json["url"]?.stringValue,
      let tokenFile = json["token_file"]?.stringValue, tokenFile.hasPrefix("/"),
      let processID = json["pid"]?.intValue.flatMap(Int32.init(exactly:)),
      let dataDirectory = json["data_directory"]?.stringValue, dataDirectory.hasPrefix("/")
    else {
      throw TargetError(
        "\(path) is not a serving plane's runtime file",
        advice: "remove it and start the plane again with \"setpoint serve --data DIR\" and its other options")
    }
    return LocalPlane(
      url: url, tokenFile: tokenFile, processID: processID, dataDirectory: dataDirectory,
      options: json["options"]?.arrayValue?.compactMap(\.stringValue) ?? [])
  }

  /// Returns the planes announced in the directory, ordered by address.
  ///
  /// - Throws: `TargetError` if others can access the directory or a file in it, or if a file is not an announcement.
  package static func announced(in runtimeDirectory: String) throws(TargetError) -> LocalPlanes {
    var planes = LocalPlanes()
    for directory in Set([runtimeDirectory, socketDirectory(runtimeDirectory)]) {
      guard try SecureFile.checkDirectory(directory) else { return planes }
      try SecureFile.checkParents(of: directory)
    }
    for name in try SecureFile.names(in: runtimeDirectory) where name.hasPrefix("plane-") && name.hasSuffix(".json") {
      guard let plane = try read("\(runtimeDirectory)/\(name)") else { continue }
      let socket = plane.socket(in: runtimeDirectory)
      let isRunning = try SecureFile.checkSocket(socket) && UnixSocket.isListening(socket)
      if isRunning { planes.running.append(plane) } else { planes.gone.append(plane) }
    }
    // Only a suggestion depends on it. One whose data is gone cannot be started again.
    if let last = try? read(lastFile(runtimeDirectory)),
      (try? SecureFile.names(in: last.dataDirectory))?.isEmpty == false
    {
      planes.stopped = last
    }
    planes.running.sort { ($0.url, $0.dataDirectory) < ($1.url, $1.dataDirectory) }
    return planes
  }

  /// Removes what killed planes left behind.
  package static func sweep(_ runtimeDirectory: String) throws(TargetError) {
    for plane in try announced(in: runtimeDirectory).gone { try plane.withdraw(from: runtimeDirectory) }
  }
}

/// The planes that announced themselves on this machine.
package struct LocalPlanes: Hashable, Sendable {
  /// Planes that listen on their sockets.
  package var running: [LocalPlane] = []
  /// Planes that are gone without having removed their announcements.
  package var gone: [LocalPlane] = []
  /// The plane that was stopped last, if it can be started again.
  package var stopped: LocalPlane?

  package init() {}
}
