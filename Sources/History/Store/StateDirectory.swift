internal import FileSystem
package import Storage

/// The directory with the history of one user, or one job, which only its owner may read.
package struct StateDirectory: Hashable, Sendable {
  package let path: String
  /// In a Kubernetes pod, a volume belongs to the pod, whatever its mode is.
  private let isInPod: Bool

  static let option = "--state DIR"

  package init(path: String) {
    self.path = path
    isInPod = false
  }

  /// Selects the directory: the one given by `--state`, otherwise `$XDG_STATE_HOME/setpoint`, otherwise
  /// `~/.local/state/setpoint`. A relative `XDG_STATE_HOME` is ignored, as the XDG base directory specification
  /// requires.
  package init(named: String?, environment: [String: String]) throws(StorageError) {
    isInPod = PrivateFolder.isInPod(environment)
    if let named, !named.isEmpty {
      path = named
    } else if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      path = "\(state)/setpoint"
    } else if let home = environment["HOME"], !home.isEmpty {
      path = "\(home)/.local/state/setpoint"
    } else {
      throw StorageError(
        .noDirectory, "no state directory: neither XDG_STATE_HOME nor HOME is set",
        next: "set one with --state DIR")
    }
  }

  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Returns the history's file, with the facts for messages.
  func place(_ file: String) -> StoragePlace {
    StoragePlace(
      path: file, option: Self.option,
      loss: "a new history is then started: endpoints keep serving, but earlier revisions are lost")
  }

  /// Creates the directory and its missing parents with mode 0700. A directory that other users can write to is
  /// refused.
  func create() throws(StorageError) {
    let folder = PrivateFolder(path, option: Self.option)
    try folder.make()
    try folder.check(isInPod: isInPod)
  }

  /// Runs `body` while no other process does so in this directory.
  ///
  /// Only opening needs it: two processes that open a new directory would both create the key and the tables.
  func withLock<Value>(_ body: () throws -> Value) throws -> Value {
    let lockFile = file("lock")
    let lock: FileLock
    do {
      lock = try FileLock(opening: lockFile)
    } catch {
      throw StorageError(
        .cannotOpen, "cannot open \(lockFile): \(error)",
        next: "check who owns \(path), or use another directory with --state DIR")
    }
    defer { lock.release() }
    guard (try? lock.lock(within: .seconds(10))) == true else {
      throw StorageError(
        .cannotOpen, "another process has kept \(lockFile) locked for 10s",
        next: "look for a suspended setpoint process (fuser \(lockFile)), or use another directory with --state DIR")
    }
    return try body()
  }
}
