/// Resolves a path in one commit, following links as long as they stay in it.
struct GitTreePath {
  enum Target: Hashable, Sendable {
    case file(path: String, object: String)
    case directory(path: String, object: String)
    /// Nothing that can be read, and why.
    case nothing(String)
  }

  private let objects: GitObjects
  private let root: String
  /// The entries of the trees that were read.
  private var known: [String: [String: GitObjects.Entry]] = [:]

  /// - Parameter root: the commit's object name.
  init(_ objects: GitObjects, root: String) {
    self.objects = objects
    self.root = root
  }

  /// Longer than any link that a file system accepts.
  static let longestLink = 4096
  /// Linux has the same limit (path_resolution(7)).
  private static let mostLinks = 40

  /// - Parameters:
  ///   - path: as in a link, or as given by a user.
  ///   - directory: the segments of the directory that it is relative to, without links.
  mutating func target(of path: String, from directory: [String]) async throws -> Target {
    guard !path.hasPrefix("/") else { return .nothing(Self.outside) }
    var remaining = Self.segments(path)
    var trees = [root]
    var current: [String] = []
    var links = 0
    remaining += directory.reversed()
    while let name = remaining.popLast() {
      if name == ".." {
        guard current.popLast() != nil else { return .nothing(Self.outside) }
        trees.removeLast()
        continue
      }
      guard let tree = trees.last, let entry = try await entries(of: tree)[name] else {
        return .nothing("\"\((current + [name]).joined(separator: "/"))\" not found in this commit")
      }
      switch entry.kind {
      case .directory:
        current.append(name)
        trees.append(entry.object)
      case .file:
        guard remaining.isEmpty else {
          return .nothing("\"\((current + [name]).joined(separator: "/"))\" is a file in this commit, not a directory")
        }
        return .file(path: (current + [name]).joined(separator: "/"), object: entry.object)
      case .submodule: return .nothing(Self.submodule((current + [name]).joined(separator: "/")))
      case .link:
        links += 1
        guard links <= Self.mostLinks else { return .nothing("too many levels of symbolic links") }
        guard let text = try await Self.link(entry.object, objects), !text.hasPrefix("/") else {
          return .nothing(Self.outside)
        }
        remaining += Self.segments(text)
      }
    }
    return .directory(path: current.joined(separator: "/"), object: trees.last ?? root)
  }

  static let outside = "this link points outside the repository; only links within it are followed"

  static func submodule(_ path: String) -> String {
    "\"\(path)\" is a git submodule, and submodules are not fetched; keep manifests in the repository itself, or "
      + "exclude it"
  }

  /// Returns the target of a link; nil if it is not a valid one.
  private static func link(_ object: String, _ objects: GitObjects) async throws -> String? {
    var text: String?
    try await objects.blobs([object], largest: longestLink) { _, bytes in
      text = bytes.flatMap { String(validating: $0, as: UTF8.self) }
    }
    return text.flatMap { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
  }

  private mutating func entries(of tree: String) async throws -> [String: GitObjects.Entry] {
    if let found = known[tree] { return found }
    let list = try await objects.entries(of: tree, isDeep: false)
    let found = Dictionary(list.map { ($0.path, $0) }, uniquingKeysWith: { one, _ in one })
    known[tree] = found
    return found
  }

  /// Returns the segments, last one first.
  private static func segments(_ path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
  }
}
