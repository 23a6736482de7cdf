internal import CDispatch  // to which the compiler counts stat(2) here
internal import FoundationEssentials
internal import Glibc

/// Which files a path stands for: itself, or, for a directory, all `.yaml`, `.yml` and `.json` files below it in the order
/// of their names, hidden ones left out.
///
/// The hidden ones hold what is not for us: `.git`, an editor's copies, and the dated directories behind a mounted
/// ConfigMap, whose files are met through their visible links.
struct ManifestWalk {
  struct File {
    let path: String
    /// What people call it.
    let name: String
    let identity: FileIdentity
    /// Whether the last segment of the path is a symbolic link.
    let isLink: Bool
  }

  struct Directory {
    let path: String
    let name: String
    /// From before it was listed, nil if it was gone even then: when it differs afterwards, the list may be a mixture.
    let identity: FileIdentity?
    let isLink: Bool
  }

  enum Entry {
    case file(File)
    /// Something that may have held manifests, and why it gave none.
    case failure(name: String, words: String)
  }

  private(set) var entries: [Entry] = []
  private(set) var directories: [Directory] = []

  /// A directory without links in its path, which no link may lead out of; nil: links may lead anywhere.
  private let confinement: String?
  private let willList: (String) -> Void

  /// - Parameters:
  ///   - path: a file or directory.
  ///   - name: what people call it.
  ///   - confinement: a directory that no link may lead out of.
  ///   - willList: called with the path of each directory before it is looked into.
  init(
    _ path: String, name: String, confinedTo confinement: String? = nil, willList: @escaping (String) -> Void = { _ in }
  ) {
    self.confinement = confinement.flatMap(Self.realPath)
    self.willList = willList
    begin(path, name: name)
  }

  private mutating func begin(_ path: String, name: String) {
    var status = stat()
    let isLink = lstat(path, &status) == 0 && Self.kind(status) == S_IFLNK
    if isLink, leadsOut(path) { return fail(name, Self.outside) }
    guard stat(path, &status) == 0 else { return fail(name, "cannot read it: \(words(ofError: errno))") }
    guard Self.kind(status) == S_IFDIR else {
      return entries.append(.file(File(path: path, name: name, identity: FileIdentity(status), isLink: isLink)))
    }
    let before = entries.count
    walk(path, name: name, isLink: isLink, above: [])
    if entries.count == before { fail(name, "no .yaml, .yml or .json file in this directory") }
  }

  /// - Parameter above: the directories that lead here: a link back to one of them is a loop.
  private mutating func walk(_ path: String, name: String, isLink: Bool, above: Set<FileIdentity.Place>) {
    willList(path)
    let identity = FileIdentity(of: path)
    if let identity, above.contains(identity.place) { return }
    directories.append(Directory(path: path, name: name, identity: identity, isLink: isLink))
    let children: [String]
    do {
      children = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      return fail(name, "cannot list this directory: \(words(ofError: errno))")
    }
    let above = identity.map { above.union([$0.place]) } ?? above
    for child in children.sorted() where !child.hasPrefix(".") {
      visit(Self.join(path, child), name: Self.join(name, child), child: child, above: above)
    }
  }

  private mutating func visit(_ path: String, name: String, child: String, above: Set<FileIdentity.Place>) {
    var status = stat()
    var isLink = false
    var code = lstat(path, &status)
    if code == 0, Self.kind(status) == S_IFLNK {
      isLink = true
      code = stat(path, &status)
    }
    let isManifest = Self.isManifest(child)
    guard code == 0 else {
      // A link to nowhere may have been a manifest.
      if isManifest { fail(name, isLink && leadsOut(path) ? Self.outside : "cannot read it: \(words(ofError: errno))") }
      return
    }
    let kind = Self.kind(status)
    guard kind == S_IFDIR || isManifest else { return }
    if isLink, leadsOut(path) { return fail(name, Self.outside) }
    if kind == S_IFDIR { return walk(path, name: name, isLink: isLink, above: above) }
    // Opening a pipe would wait for whoever writes into it.
    guard kind == S_IFREG else { return fail(name, "it is no regular file") }
    entries.append(.file(File(path: path, name: name, identity: FileIdentity(status), isLink: isLink)))
  }

  private mutating func fail(_ name: String, _ words: String) { entries.append(.failure(name: name, words: words)) }

  private static let outside = "this link leads out of what was checked out; only links within it are followed"

  private func leadsOut(_ path: String) -> Bool {
    guard let confinement else { return false }
    guard let real = Self.realPath(path) else { return true }
    return real != confinement && !real.hasPrefix(confinement + "/")
  }

  private static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private static func kind(_ status: stat) -> mode_t { status.st_mode & S_IFMT }

  private static func join(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : directory + "/" + name
  }

  private static let endings: Set<String> = ["yaml", "yml", "json"]

  private static func isManifest(_ name: String) -> Bool {
    name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last.map {
      endings.contains($0.lowercased())
    } ?? false
  }
}
