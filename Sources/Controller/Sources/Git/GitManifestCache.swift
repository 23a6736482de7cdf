internal import Endpoints

/// The parsed manifests of a commit, by name and blob, so that for the next commit only changed files are parsed.
struct GitManifestCache: Sendable {
  private struct Entry: Sendable {
    let file: GitWalk.File
    let content: ManifestFile
  }

  private var entries: [String: Entry] = [:]
  /// How many files were parsed for this cache and its predecessors.
  private(set) var filesParsed = 0

  init() {}

  /// - Throws: `GitFailure` if the store is damaged, `CancellationError`.
  /// - Returns: the content of all files, and the cache for the next read.
  func read(
    _ entries: [GitWalk.Entry], from objects: GitObjects
  ) async throws -> (ManifestSet, GitManifestCache) {
    var next = GitManifestCache()
    next.filesParsed = filesParsed
    var missing: [String: [GitWalk.File]] = [:]
    for case .file(let file) in entries {
      if let known = self.entries[file.name], known.file == file {
        next.entries[file.name] = known
      } else {
        missing[file.object, default: []].append(file)
      }
    }
    try await objects.blobs(Set(missing.keys), largest: FileContents.largestFile) { object, bytes in
      for file in missing[object] ?? [] { next.add(file, bytes) }
    }
    var reader = ManifestReader()
    for entry in entries {
      switch entry {
      case .failure(let name, let words): reader.fail(file: name, words)
      case .file(let file): if let known = next.entries[file.name] { reader.add(known.content) }
      }
    }
    return (reader.finish(), next)
  }

  private mutating func add(_ file: GitWalk.File, _ bytes: [UInt8]?) {
    filesParsed += 1
    let content =
      bytes.map { ManifestFile(parsing: $0, file: file.name, isNamed: file.isNamed) }
      ?? ManifestFile(unreadable: file.name, UnreadableFile.tooLarge.message)
    entries[file.name] = Entry(file: file, content: content)
  }
}
