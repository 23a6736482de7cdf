internal import Glibc

/// Tells an empty directory from a git submodule that was not fetched, which looks the same and may hold manifests.
enum UnfetchedSubmodule {
  /// Whether the work tree around an empty directory has a submodule there.
  static func isOne(_ directory: String) -> Bool {
    guard let resolved = realpath(directory, nil) else { return false }
    defer { free(resolved) }
    let whole = String(cString: resolved)
    var root = whole
    while let slash = root.lastIndex(of: "/") {
      root = String(root[..<slash])
      guard access(root + "/.git", F_OK) == 0 else { continue }
      return names(in: root).contains(String(whole.dropFirst(root.utf8.count + 1)))
    }
    return false
  }

  /// The paths that `.gitmodules` names.
  private static func names(in root: String) -> [String] {
    guard let bytes = try? FileContents.read(file: root + "/.gitmodules").bytes else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).compactMap { line in
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.drop(while: \.isWhitespace) }
      guard parts.count == 2, parts[0].split(whereSeparator: \.isWhitespace) == ["path"] else { return nil }
      var path = parts[1].filter { $0 != "\"" }
      while path.last?.isWhitespace == true || path.last == "/" { path.removeLast() }
      return String(path)
    }
  }
}
