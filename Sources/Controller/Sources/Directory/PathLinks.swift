internal import Glibc

/// The directory entries that determine a path's target: each of its segments, and each segment of the links on its
/// way.
///
/// `/git/current/fleet`, where `current` is a link to `worktrees/a1`, depends on `git` in `/`, on `current`,
/// `worktrees` and `worktrees/a1` in `/git`, and on `fleet` in the last. A change of any of them can change what is
/// read, even if the directory that was read before stays unchanged.
enum PathLinks {
  struct Step: Hashable {
    let directory: String
    let name: String
  }

  /// Returns the entries in the order of resolution, up to the first segment that does not exist.
  /// - Parameter path: absolute, or relative to the working directory.
  static func steps(of path: String) -> [Step] {
    var remaining = segments(absolutePath(path))
    var current = ""
    var steps: [Step] = []
    var links = 0
    while let name = remaining.popLast() {
      if name == ".." {
        current = String(current[..<(current.lastIndex(of: "/") ?? current.startIndex)])
        continue
      }
      steps.append(Step(directory: current.isEmpty ? "/" : current, name: name))
      let next = current + "/" + name
      guard let target = target(of: next) else {
        current = next
        continue
      }
      // Linux has the same limit (path_resolution(7)).
      links += 1
      if links > 40 { break }
      if target.hasPrefix("/") { current = "" }
      remaining += segments(target)
    }
    return steps
  }

  static func isLink(_ path: String) -> Bool { target(of: path) != nil }

  /// Returns the segments, last one first.
  private static func segments(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
  }

  /// Returns the target of a symbolic link; nil for anything else.
  private static func target(of path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
      guard let base = buffer.baseAddress else { return nil }
      let count = readlink(path, base, buffer.count)
      return count > 0 ? String(decoding: buffer[..<count].lazy.map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }
  }
}

/// Returns the absolute path; a relative one is relative to the working directory.
func absolutePath(_ path: String) -> String {
  if path.hasPrefix("/") { return path }
  guard let working = getcwd(nil, 0) else { return "/" + path }
  defer { free(working) }
  return String(cString: working) + "/" + path
}
