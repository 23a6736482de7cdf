internal import Glibc

/// The git work tree around a directory, as far as it determines the manifests in it.
struct WorkTree {
  /// The directory that contains `.git`.
  let root: String
  /// From the root to the directory.
  let segments: [String]

  /// Returns nil if the directory is not in a work tree.
  init?(around directory: String) {
    guard let resolved = realpath(directory, nil) else { return nil }
    defer { free(resolved) }
    var root = String(cString: resolved)
    var segments: [String] = []
    while access(root + "/.git", F_OK) != 0 {
      guard let slash = root.lastIndex(of: "/") else { return nil }
      segments.insert(String(root[root.index(after: slash)...]), at: 0)
      root = String(root[..<slash])
    }
    self.root = root
    self.segments = segments
  }

  /// The parent directories, starting at the root.
  var above: [String] {
    segments.indices.map { ([root] + segments[..<$0]).joined(separator: "/") }
  }

  /// Whether the directory is a submodule. One that was not fetched is an empty directory and may contain manifests.
  var isSubmodule: Bool {
    guard let bytes = try? FileContents.read(file: root + "/.gitmodules").bytes else { return false }
    let place = segments.joined(separator: "/")
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).contains { line in
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.drop(while: \.isWhitespace) }
      guard parts.count == 2, parts[0].split(whereSeparator: \.isWhitespace) == ["path"] else { return false }
      var path = parts[1].filter { $0 != "\"" }
      while path.last?.isWhitespace == true || path.last == "/" { path.removeLast() }
      return path == place
    }
  }
}
