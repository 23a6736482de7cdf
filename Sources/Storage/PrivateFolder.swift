internal import FileSystem

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A folder with data that only its user may access.
package struct PrivateFolder: Sendable {
  private let place: StoragePlace

  /// - Parameter option: the option that sets another folder, for messages.
  package init(_ path: String, option: String) { place = StoragePlace(path: path, option: option) }

  /// Creates the folder and its missing parents. New folders have mode 0700, whatever the umask is; existing ones stay
  /// unchanged.
  package func make() throws(StorageError) {
    var partial = place.path.hasPrefix("/") ? "" : "."
    let segments = place.path.split(separator: "/")
    for (index, segment) in segments.enumerated() {
      partial += "/\(segment)"
      if mkdir(partial, 0o700) == 0 {
        if chmod(partial, 0o700) == 0 { continue }
      } else if errno == EEXIST {
        continue
      }
      let cause = errno
      // For an existing parent, the error may be EROFS or EACCES instead of EEXIST; only a missing one is a failure.
      guard access(partial, F_OK) != 0 else { continue }
      let parent = index == segments.count - 1 ? "" : "cannot create \(partial): "
      throw StorageError(
        .cannotOpen, "cannot create the directory \(place.path): \(parent)\(SystemError(code: cause))",
        next: "choose a writable directory with \(place.option)")
    }
  }

  /// Refuses a folder that others can write to: the files in it determine what this program starts and sends.
  ///
  /// - Parameter isInPod: see ``isInPod(_:)``; a volume is then the pod's own, whatever its mode is.
  package func check(isInPod: Bool) throws(StorageError) {
    var status = stat()
    guard stat(place.path, &status) == 0 else {
      throw refused("it cannot be read: \(SystemError.last)", "check its path")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw refused("it is not a directory", "move the file away") }
    let isRoots = status.st_uid == 0
    if isRoots, isInPod, isMountPoint(status) { return }
    guard status.st_uid == geteuid() || isRoots else {
      // This includes root: the owner can replace files that root reads and starts.
      throw refused(
        "it belongs to \(UserName.of(status.st_uid)), who can replace its contents, but this process runs as "
          + UserName.of(geteuid()),
        "run \"chown -R \(geteuid()) \(place.path)\" (on the host, where it is mounted into a container), or run this "
          + "process as its owner (--user \(status.st_uid):\(status.st_gid) for a container)")
    }
    let othersMayWrite = status.st_mode & S_IWOTH != 0
    guard othersMayWrite || status.st_mode & S_IWGRP != 0 && !UserName.isOwnGroup(status.st_gid) else { return }
    throw refused(
      "\(othersMayWrite ? "every user" : "its group") can write to it (mode \(Self.octal(status.st_mode)))",
      "check its contents, then remove that permission (chmod go-w \(place.path))")
  }

  /// Returns whether the process with this environment runs in a Kubernetes pod.
  package static func isInPod(_ environment: [String: String]) -> Bool {
    environment["KUBERNETES_SERVICE_HOST"] != nil
  }

  private func refused(_ why: String, _ next: String) -> StorageError {
    StorageError(
      .cannotOpen, "the directory \(place.path) is refused: \(why)",
      next: "\(next), or use another directory with \(place.option)")
  }

  private func isMountPoint(_ status: stat) -> Bool {
    var parent = stat()
    return stat(place.path + "/..", &parent) == 0 && parent.st_dev != status.st_dev
  }

  private static func octal(_ mode: mode_t) -> String {
    let digits = String(mode & 0o7777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// Removes all permissions of others on a file or folder. A missing one is not an error.
  ///
  /// - Parameter mode: 0600 for a file, 0700 for a folder.
  package static func close(_ path: String, mode: UInt32) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFLNK, status.st_mode & 0o7777 != mode else { return }
    _ = chmod(path, mode_t(mode))
  }
}

/// The names of users and groups.
private enum UserName {
  static func of(_ id: uid_t) -> String { name(id) ?? "user \(id)" }

  private static func name(_ id: uid_t) -> String? { getpwuid(id).map { String(cString: $0.pointee.pw_name) } }

  /// Returns whether nobody else is in the group: the one with the user's own name, as in most distributions, or one
  /// that is in no list and that this process has, as in a container.
  static func isOwnGroup(_ id: gid_t) -> Bool {
    guard isMember(id) else { return false }
    guard let group = getgrgid(id) else { return true }
    let user = name(geteuid())
    guard String(cString: group.pointee.gr_name) == user else { return false }
    var member = group.pointee.gr_mem
    while let name = member?.pointee {
      if String(cString: name) != user { return false }
      member = member?.advanced(by: 1)
    }
    return true
  }

  private static func isMember(_ id: gid_t) -> Bool {
    if id == getegid() { return true }
    let count = getgroups(0, nil)
    guard count > 0 else { return false }
    var groups = [gid_t](repeating: 0, count: Int(count))
    return getgroups(count, &groups) >= 0 && groups.contains(id)
  }
}
