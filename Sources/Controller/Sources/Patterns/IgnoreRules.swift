/// The exclusions below one path: the patterns of the command line, and those of the `.setpointignore` of each folder
/// on the way, starting at the root of the repository. As with git, the last pattern that matches decides, a deeper
/// file outranks one above it, the command line outranks them all, and nothing inside an excluded folder is included
/// again.
struct IgnoreRules: Sendable {
  static let fileName = ".setpointignore"
  /// A larger file is refused.
  static let largestFile = 64 << 10
  /// What is wrong with an invalid file.
  static let unusable = "not UTF-8 text of at most \(largestFile >> 10) KiB"

  private let excluded: [IgnorePattern]
  private let depth: Int
  /// The patterns of each file, and the depth of its folder in segments; the deepest last.
  private var files: [(depth: Int, patterns: [IgnorePattern])] = []

  /// - Parameters:
  ///   - excluded: the patterns of the command line.
  ///   - depth: the number of segments from the repository's root to the path that they are relative to.
  init(_ excluded: [IgnorePattern], depth: Int = 0) {
    self.excluded = excluded
    self.depth = depth
  }

  /// Adds the file of a folder.
  ///
  /// - Parameter depth: the number of segments from the root to that folder.
  func adding(_ text: String, depth: Int) -> IgnoreRules {
    var rules = self
    rules.files.append((depth, IgnorePattern.all(in: text)))
    return rules
  }

  /// - Parameter path: its segments from the root.
  func leavesOut(_ path: [String], isDirectory: Bool) -> Bool {
    if let verdict = Self.verdict(excluded, path.dropFirst(depth), isDirectory) { return verdict }
    for (depth, patterns) in files.reversed() {
      if let verdict = Self.verdict(patterns, path.dropFirst(depth), isDirectory) { return verdict }
    }
    return false
  }

  /// Returns nil if no pattern matches.
  private static func verdict(
    _ patterns: [IgnorePattern], _ path: ArraySlice<String>, _ isDirectory: Bool
  ) -> Bool? {
    patterns.last { $0.matches(path, isDirectory: isDirectory) }.map { !$0.isNegated }
  }
}
