import FileSystem
import Glibc

/// The contents of a folder to be registered, checked as a whole before anything is taken.
struct FolderSurvey: Sendable {
  enum Item: Hashable, Sendable {
    case folder(String)
    case file(String, SourceFile)
  }

  /// A regular file to take.
  struct SourceFile: Hashable, Sendable {
    /// Resolved: the target of a link.
    let path: String
    /// In bytes.
    let size: Int64
    let isExecutable: Bool
  }

  /// By path in the folder; a folder comes before its contents.
  private(set) var items: [Item] = []

  /// The sizes of all files together.
  var bytes: Int64 {
    items.reduce(into: 0) { sum, item in
      if case .file(_, let file) = item { sum += file.size }
    }
  }

  private let root: String
  private let rules: SourceRules
  private let followsLinks: Bool

  /// Limits for the number of files and folders and for their nesting: a model has a few dozen.
  private static let largestCount = 100_000
  private static let maximumDepth = 32

  /// - Parameters:
  ///   - root: the folder's resolved path.
  ///   - followsLinks: whether links may lead out of the folder.
  /// - Throws: ``ModelError`` for anything that must not be registered.
  init(of root: String, rules: SourceRules, followsLinks: Bool) throws(ModelError) {
    self.root = root
    self.rules = rules
    self.followsLinks = followsLinks
    try refuse(root, "the source \(root)")
    try look(into: root, as: "", ancestors: [root])
  }

  private mutating func look(into folder: String, as place: String, ancestors: [String]) throws(ModelError) {
    for name in try names(in: folder) {
      let inside = place.isEmpty ? name : place + "/" + name
      guard items.count < Self.largestCount else {
        throw invalid(
          "\(root) contains more than \(Self.largestCount) files and folders; register the folder of one model")
      }
      try take(folder + "/" + name, as: inside, ancestors: ancestors)
    }
  }

  private mutating func take(_ path: String, as inside: String, ancestors: [String]) throws(ModelError) {
    let shown = root + "/" + inside
    var status = stat()
    guard lstat(path, &status) == 0 else { throw unreadable(shown) }
    var real = path
    if status.st_mode & S_IFMT == S_IFLNK {
      real = try target(of: path, shown: shown)
      guard stat(real, &status) == 0 else { throw unreadable(shown) }
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      let file = SourceFile(
        path: real, size: Int64(status.st_size), isExecutable: status.st_mode & S_IXUSR != 0)
      items.append(.file(inside, file))
    case S_IFDIR:
      guard !ancestors.contains(real) else { throw invalid("\(shown) links to \(real), a folder that contains it") }
      guard ancestors.count < Self.maximumDepth else {
        throw invalid("\(root) is nested more than \(Self.maximumDepth) folders deep, at \(shown)")
      }
      try refuse(real, shown)
      items.append(.folder(inside))
      try look(into: real, as: inside, ancestors: ancestors + [real])
    default:
      throw invalid("\(shown) is \(Self.word(status.st_mode)), not a regular file; remove it from the folder")
    }
  }

  private func target(of link: String, shown: String) throws(ModelError) -> String {
    guard let real = ResolvedPath.of(link) else {
      throw invalid("\(shown) is a broken link (\(SystemError.last))")
    }
    if real == root || real.hasPrefix(root + "/") || Self.isOfSameCache(real, root: root) { return real }
    try refuse(real, shown)
    guard followsLinks else {
      throw invalid(
        "\(shown) links outside the folder, to \(real); copy the file into the folder, or register with "
          + "--follow-links if this is intended")
    }
    return real
  }

  /// The Hugging Face cache keeps `models--ORG--NAME/snapshots/REVISION` as links to `models--ORG--NAME/blobs`, so a
  /// snapshot is complete only with the blobs of the same model.
  private static func isOfSameCache(_ real: String, root: String) -> Bool {
    let parts = root.split(separator: "/")
    guard let snapshots = parts.lastIndex(of: "snapshots"), snapshots > 0, snapshots + 1 < parts.count,
      parts[snapshots - 1].hasPrefix("models--")
    else { return false }
    return real.hasPrefix("/" + parts[..<snapshots].joined(separator: "/") + "/blobs/")
  }

  private func refuse(_ path: String, _ shown: String) throws(ModelError) {
    guard let finding = rules.finding(path) else { return }
    let where_ = shown.hasSuffix(path) ? shown : "\(shown) leads to \(path), which"
    throw invalid("\(where_) cannot be registered: \(finding)")
  }

  private func names(in folder: String) throws(ModelError) -> [String] {
    guard let stream = opendir(folder) else { throw unreadable(folder) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard let name = String(validating: bytes, as: UTF8.self), !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F })
      else {
        let shown = String(decoding: bytes.map { $0 < 0x20 || $0 >= 0x7F ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
        throw invalid("\(folder) has a file whose name cannot be printed (\(shown)); rename it")
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func word(_ mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFIFO: "a named pipe"
    case S_IFSOCK: "a socket"
    case S_IFBLK, S_IFCHR: "a device"
    default: "a special file"
    }
  }

  private func unreadable(_ path: String) -> ModelError {
    invalid("\(path) cannot be read: \(SystemError.last)")
  }

  private func invalid(_ description: String) -> ModelError { ModelError(code: .invalid, description: description) }
}
