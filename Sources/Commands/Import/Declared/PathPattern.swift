internal import FoundationEssentials

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A pattern for paths as in a bundle's `include`: `*`, `?` and `[…]` match within one part of a path, so `**` is the
/// same as `*`.
struct PathPattern {
  let text: String

  /// Whether it can match several files.
  var hasWildcards: Bool { text.contains { "*?[".contains($0) } }

  /// Returns the matching files and folders below a folder, sorted; an empty folder is the current one. Only the
  /// pattern's own `..` can lead out of the folder.
  func matches(in folder: String) -> [String] {
    var found = [folder]
    for part in text.split(separator: "/") where part != "." {
      found = found.flatMap { Self.entries(of: $0, matching: String(part)) }
    }
    return found.sorted()
  }

  private static func entries(of folder: String, matching part: String) -> [String] {
    if !PathPattern(text: part).hasWildcards {
      let path = join(folder, part)
      return part == ".." || FileManager.default.fileExists(atPath: path) ? [path] : []
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
    return names.filter { fnmatch(part, $0, 0) == 0 }.map { join(folder, $0) }
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty || folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }
}
