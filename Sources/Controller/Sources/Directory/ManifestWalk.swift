internal import CDispatch  // the compiler finds stat(2) here
internal import FileSystem
internal import Glibc

/// The files that a path stands for: itself, or, for a directory, all `.yaml`, `.yml` and `.json` files below it in the
/// order of their names, except hidden ones and those that `.setpointignore` or `--exclude` name.
///
/// Links are followed. Anything that may have contained manifests and cannot be read is also an entry, so that its
/// manifests do not count as deleted: a broken link, a directory or file without permission, a pipe, a submodule that
/// was not fetched.
struct ManifestWalk {
  struct File {
    let path: String
    /// Its name for people.
    let name: String
    let identity: FileIdentity
    /// Whether the last segment of the path is a symbolic link.
    let isLink: Bool
    /// Whether it is a regular file, not a pipe or device.
    let isRegular: Bool
    /// Whether it was named explicitly, and not found in a directory.
    let isNamed: Bool
  }

  struct Directory {
    let path: String
    let name: String
    /// From before it was listed, nil if it did not exist even then: if it differs afterwards, the list may be
    /// inconsistent.
    let identity: FileIdentity?
    let isLink: Bool
  }

  enum Entry {
    case file(File)
    /// Something that may have contained manifests, and why it could not be read.
    case failure(name: String, words: String)
  }

  private(set) var entries: [Entry] = []
  private(set) var directories: [Directory] = []

  /// The directories that were listed; each is listed only once, even in a loop of links.
  private var listed: Set<FileIdentity.INode> = []
  private let willList: (String) -> Void

  /// - Parameters:
  ///   - path: a file or directory.
  ///   - name: its name for people.
  ///   - excluded: patterns of skipped files below a directory.
  ///   - willList: called with the path of each directory before it is listed.
  init(
    _ path: String, name: String, excluding excluded: [IgnorePattern] = [],
    willList: @escaping (String) -> Void = { _ in }
  ) {
    self.willList = willList
    begin(path, name: name, excluded)
  }

  private mutating func begin(_ path: String, name: String, _ excluded: [IgnorePattern]) {
    var status = stat()
    let isLink = lstat(path, &status) == 0 && Self.kind(status) == S_IFLNK
    guard stat(path, &status) == 0 else { return fail(name, "cannot read it: \(SystemError.last)") }
    guard Self.kind(status) == S_IFDIR else {
      return entries.append(
        .file(
          File(
            path: path, name: name, identity: FileIdentity(status), isLink: isLink,
            isRegular: Self.kind(status) == S_IFREG, isNamed: true)))
    }
    let tree = WorkTree(around: path)
    let segments = tree?.segments ?? []
    var rules = IgnoreRules(excluded, depth: segments.count)
    for (depth, directory) in (tree?.above ?? []).enumerated() where Self.hasPatterns(directory) {
      rules = self.rules(rules, in: directory, name: directory, depth: depth)
    }
    let before = entries.count
    walk(DirectoryPath(path: path, name: name, segments: segments, isLink: isLink), rules)
    if entries.count == before { fail(name, "no .yaml, .yml or .json file in this directory") }
  }

  /// The current position of the walk.
  private struct DirectoryPath {
    let path: String
    let name: String
    /// From the root of the surrounding git work tree, or of the walk itself.
    let segments: [String]
    let isLink: Bool

    func child(_ name: String, isLink: Bool) -> DirectoryPath {
      DirectoryPath(
        path: Self.join(path, name), name: Self.join(self.name, name), segments: segments + [name], isLink: isLink)
    }

    static func join(_ directory: String, _ name: String) -> String {
      directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }
  }

  private mutating func walk(_ place: DirectoryPath, _ rules: IgnoreRules) {
    willList(place.path)
    let identity = FileIdentity(of: place.path)
    directories.append(
      Directory(path: place.path, name: place.name, identity: identity, isLink: place.isLink))
    if let identity, !listed.insert(identity.place).inserted { return }
    let children: [DirectoryList.Child]
    do {
      children = try DirectoryList.read(place.path)
    } catch {
      return fail(place.name, "cannot list this directory: \(error.message)")
    }
    if children.isEmpty, WorkTree(around: place.path)?.isSubmodule == true {
      return fail(
        place.name, "this git submodule was not fetched; run \"git submodule update --init\", or exclude it")
    }
    let hasPatterns = children.contains { $0.name == IgnoreRules.fileName }
    let rules = hasPatterns ? self.rules(rules, in: place.path, name: place.name, depth: place.segments.count) : rules
    for child in children where !ManifestName.isHidden(child.name) { visit(child, in: place, rules) }
  }

  private static func hasPatterns(_ directory: String) -> Bool {
    access(DirectoryPath.join(directory, IgnoreRules.fileName), F_OK) == 0
  }

  /// Returns the rules including a directory's own file of patterns.
  private mutating func rules(
    _ rules: IgnoreRules, in directory: String, name: String, depth: Int
  ) -> IgnoreRules {
    do {
      let bytes = try FileContents.read(file: DirectoryPath.join(directory, IgnoreRules.fileName)).bytes
      guard bytes.count <= IgnoreRules.largestFile, let text = String(validating: bytes, as: UTF8.self) else {
        throw UnreadableFile(message: IgnoreRules.unusable)
      }
      return rules.adding(text, depth: depth)
    } catch {
      fail(DirectoryPath.join(name, IgnoreRules.fileName), (error as? UnreadableFile)?.message ?? "\(error)")
      return rules
    }
  }

  private mutating func visit(_ child: DirectoryList.Child, in parent: DirectoryPath, _ rules: IgnoreRules) {
    let isManifest = ManifestName.isManifest(child.name)
    // Other files, of which there may be thousands, need no check.
    if child.isRegularFile, !isManifest { return }
    guard child.isText else {
      return fail(parent.child(child.name, isLink: false).name, "its name is not valid UTF-8; rename it")
    }
    let path = parent.child(child.name, isLink: false).path
    var status = stat()
    var isLink = false
    var code = lstat(path, &status) == 0 ? 0 : errno
    if code == 0, Self.kind(status) == S_IFLNK {
      isLink = true
      code = stat(path, &status) == 0 ? 0 : errno
    }
    // A file that was deleted after listing changed its directory, which is read again for that reason.
    if code == ENOENT, !isLink { return }
    let place = parent.child(child.name, isLink: isLink)
    let kind = Self.kind(status)
    let isDirectory = code == 0 && kind == S_IFDIR
    if rules.leavesOut(place.segments, isDirectory: isDirectory || (isLink && code != 0)) { return }
    guard code == 0 else {
      return fail(place.name, "\(isLink ? "cannot follow this link" : "cannot read it"): \(SystemError(code: code))")
    }
    switch kind {
    case S_IFDIR:
      let before = entries.count
      walk(place, rules)
      if isManifest, entries.count == before { fail(place.name, "a directory without manifests, not a file") }
    case S_IFREG:
      guard isManifest || (isLink && Self.leadsToManifest(path)) else { return }
      entries.append(
        .file(
          File(
            path: path, name: place.name, identity: FileIdentity(status), isLink: isLink, isRegular: true,
            isNamed: false)))
    // Opening a pipe would wait for its writer.
    default: fail(place.name, "not a regular file")
    }
  }

  private mutating func fail(_ name: String, _ words: String) { entries.append(.failure(name: name, words: words)) }

  /// Returns whether a link leads to a file that is named like a manifest.
  private static func leadsToManifest(_ path: String) -> Bool {
    guard let resolved = realpath(path, nil) else { return false }
    defer { free(resolved) }
    return String(cString: resolved).split(separator: "/").last.map { ManifestName.isManifest($0) } ?? false
  }

  private static func kind(_ status: stat) -> mode_t { status.st_mode & S_IFMT }
}
