/// The files of a commit that a path stands for: the equivalent of ``ManifestWalk``, with the same rules.
///
/// Links within the repository are followed. A link that leads out of it or nowhere, and a submodule, are also entries,
/// so that the manifests that they replaced do not count as deleted.
struct GitWalk {
  struct File: Hashable, Sendable {
    /// Its name for people: its path, links not resolved.
    let name: String
    let object: String
    /// Whether it was named explicitly, and not found in a directory.
    let isNamed: Bool
  }

  enum Entry {
    case file(File)
    /// Something that may have contained manifests, and why it could not be read.
    case failure(name: String, words: String)
  }

  private(set) var entries: [Entry] = []
  private let objects: GitObjects
  private var paths: GitTreePath
  /// The paths of files and directories that were visited; each is visited only once.
  private var met: Set<String> = []

  /// - Parameters:
  ///   - path: from the root; `.` is the whole repository.
  ///   - excluded: patterns of skipped files below it.
  /// - Throws: `GitFailure` if nothing can be read there; `CancellationError`.
  init(
    _ objects: GitObjects, commit: String, path: String, excluding excluded: [IgnorePattern]
  ) async throws {
    self.objects = objects
    paths = GitTreePath(objects, root: commit)
    switch try await paths.target(of: path, from: []) {
    case .nothing(let words): throw GitFailure("\(path): \(words)")
    case .file(_, let object): entries = [.file(File(name: path, object: object, isNamed: true))]
    case .directory(let place, let object):
      let prefix = path == "." ? "" : path + "/"
      let directory = Directory(path: place, object: object, prefix: prefix, segments: [])
      let rules = try await rulesAbove(directory, IgnoreRules(excluded, depth: directory.pathSegments.count))
      try await walk(
        Directory(path: place, object: object, prefix: prefix, segments: directory.pathSegments), rules)
      // An empty source never means an empty fleet.
      if let words = Self.whyEmpty(entries) { throw GitFailure("\(path): \(words)") }
    }
  }

  /// Returns why nothing can be read; nil: something can.
  private static func whyEmpty(_ entries: [Entry]) -> String? {
    var why: String?
    for entry in entries {
      switch entry {
      case .file: return nil
      case .failure(let name, let words): why = why ?? "\(name): \(words)"
      }
    }
    return why ?? "no .yaml, .yml or .json file in this directory"
  }

  private struct Directory {
    /// From the root of the repository, links resolved.
    let path: String
    let object: String
    /// The prefix of the names of its entries.
    let prefix: String
    /// From the root; below a link, those of the link.
    let segments: [String]

    var pathSegments: [String] { path.split(separator: "/").map(String.init) }

    func place(_ entry: GitObjects.Entry) -> String { path.isEmpty ? entry.path : "\(path)/\(entry.path)" }
  }

  /// A directory that a link leads to, with its rules.
  private typealias Linked = (directory: Directory, rules: IgnoreRules)

  private mutating func walk(_ directory: Directory, _ rules: IgnoreRules) async throws {
    guard met.insert(directory.path + "/").inserted else { return }
    let list = try await objects.entries(of: directory.object, isDeep: true)
    let patterns = try await patterns(in: list)
    var linked: [Linked] = []
    // By the path of a directory whose entries count; entries of other directories have none.
    var rulesOf = ["": self.rules(rules, patterns[""], directory, segments: [])]
    for entry in list {
      // Most files in a large repository need no further check.
      if entry.kind == .file, !ManifestName.isManifest(entry.path) { continue }
      let segments = entry.path.split(separator: "/").map(String.init)
      guard let name = segments.last, let rules = rulesOf[segments.dropLast().joined(separator: "/")] else { continue }
      if ManifestName.isHidden(name) || (entry.kind == .file && !ManifestName.isManifest(name)) { continue }
      if rules.leavesOut(directory.segments + segments, isDirectory: entry.kind != .file) { continue }
      let shown = directory.prefix + entry.path
      switch entry.kind {
      case .file: take(entry.object, at: directory.place(entry), name: shown)
      case .directory:
        guard met.insert(directory.place(entry) + "/").inserted else { continue }
        rulesOf[entry.path] = self.rules(rules, patterns[entry.path], directory, segments: segments)
      case .submodule: fail(shown, GitTreePath.submodule(directory.place(entry)))
      case .link:
        if let next = try await follow(entry, named: name, in: directory, segments) { linked.append((next, rules)) }
      }
    }
    for (next, rules) in linked {
      let before = entries.count
      try await walk(next, rules)
      if entries.count == before, ManifestName.isManifest(next.segments.last ?? "") {
        fail(String(next.prefix.dropLast()), "a directory without manifests, not a file")
      }
    }
    for entry in list where entry.kind == .directory && ManifestName.isManifest(entry.path) {
      noteIfEmpty(directory.prefix + entry.path, isRead: rulesOf[entry.path] != nil)
    }
  }

  /// - Returns: the directory that the link leads to, if it leads to one.
  private mutating func follow(
    _ entry: GitObjects.Entry, named name: String, in directory: Directory, _ segments: [String]
  ) async throws -> Directory? {
    let shown = directory.prefix + entry.path
    let above = directory.pathSegments + segments.dropLast()
    switch try await paths.target(of: name, from: above) {
    case .nothing(let words): fail(shown, words == GitTreePath.outside ? words : "cannot follow this link: \(words)")
    case .file(let path, let object):
      if ManifestName.isManifest(name) || ManifestName.isManifest(path) { take(object, at: path, name: shown) }
    case .directory(let path, let object):
      return Directory(path: path, object: object, prefix: shown + "/", segments: directory.segments + segments)
    }
    return nil
  }

  private mutating func take(_ object: String, at place: String, name: String) {
    guard met.insert(place).inserted else { return }
    entries.append(.file(File(name: name, object: object, isNamed: false)))
  }

  private mutating func fail(_ name: String, _ words: String) { entries.append(.failure(name: name, words: words)) }

  /// Reports a directory that is named like a manifest and contains none.
  private mutating func noteIfEmpty(_ name: String, isRead: Bool) {
    guard isRead else { return }
    let isEmpty = !entries.contains { entry in
      switch entry {
      case .file(let file): file.name.hasPrefix(name + "/")
      case .failure(let other, _): other.hasPrefix(name + "/")
      }
    }
    if isEmpty { fail(name, "a directory without manifests, not a file") }
  }

  // MARK: - Exclusions

  private enum Patterns {
    case text(String)
    case unreadable(String)
  }

  /// Returns the rules including the patterns of the parent directories.
  private mutating func rulesAbove(_ directory: Directory, _ rules: IgnoreRules) async throws -> IgnoreRules {
    var rules = rules
    let segments = directory.pathSegments
    for depth in segments.indices {
      let above = Array(segments[..<depth])
      guard case .file(_, let object) = try await paths.target(of: IgnoreRules.fileName, from: above) else { continue }
      var text: String?
      try await objects.blobs([object], largest: IgnoreRules.largestFile) { _, bytes in
        text = bytes.flatMap { String(validating: $0, as: UTF8.self) }
      }
      if let text {
        rules = rules.adding(text, depth: depth)
      } else {
        fail((above + [IgnoreRules.fileName]).joined(separator: "/"), IgnoreRules.unusable)
      }
    }
    return rules
  }

  /// Returns the pattern files in a list, by the paths of their directories.
  private func patterns(in list: [GitObjects.Entry]) async throws -> [String: Patterns] {
    var found: [String: Patterns] = [:]
    var directories: [String: [String]] = [:]
    for entry in list where entry.path.hasSuffix(IgnoreRules.fileName) {
      let segments = entry.path.split(separator: "/").map(String.init)
      guard segments.last == IgnoreRules.fileName else { continue }
      let directory = segments.dropLast().joined(separator: "/")
      if entry.kind == .file {
        directories[entry.object, default: []].append(directory)
      } else {
        found[directory] = .unreadable("not a regular file")
      }
    }
    try await objects.blobs(Set(directories.keys), largest: IgnoreRules.largestFile) { object, bytes in
      let text = bytes.flatMap { String(validating: $0, as: UTF8.self) }
      for directory in directories[object] ?? [] {
        found[directory] = text.map { .text($0) } ?? .unreadable(IgnoreRules.unusable)
      }
    }
    return found
  }

  private mutating func rules(
    _ rules: IgnoreRules, _ patterns: Patterns?, _ directory: Directory, segments: [String]
  ) -> IgnoreRules {
    switch patterns {
    case nil: return rules
    case .text(let text): return rules.adding(text, depth: directory.segments.count + segments.count)
    case .unreadable(let words):
      fail(directory.prefix + (segments + [IgnoreRules.fileName]).joined(separator: "/"), words)
      return rules
    }
  }
}
