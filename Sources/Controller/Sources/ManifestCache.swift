internal import CDispatch  // the compiler finds stat(2) here
internal import Endpoints
internal import Glibc
internal import LibCrypto

/// The files that were read before, so that reading 10,000 files again parses only those that changed.
///
/// A file with an unchanged identity is not opened. One with other times but the same bytes (touched, checked out
/// again, behind a ConfigMap's replaced link) is opened and not parsed.
struct ManifestCache: Sendable {
  private struct Entry {
    let identity: FileIdentity
    /// Whether an unchanged identity will mean unchanged bytes.
    let isSettled: Bool
    let digest: SHA256Digest
    let content: ManifestFile
  }

  /// By the name that appears in positions.
  private var entries: [String: Entry] = [:]
  /// How many files were parsed for this cache and its predecessors.
  private(set) var filesParsed = 0

  init() {}

  /// Reads all files that the paths stand for. If a directory changes meanwhile, a renamed file may be in neither half
  /// of the list and would look deleted; so everything is read again, and if that does not help, the set is incomplete.
  ///
  /// - Parameter excluded: patterns of skipped files.
  /// - Throws: `CancellationError`.
  /// - Returns: the set, and the cache for the next read.
  func read(_ paths: [String], excluding excluded: [IgnorePattern]) async throws -> (ManifestSet, ManifestCache) {
    var cache = self
    var attempt = 1
    while true {
      let walks = paths.map { ManifestWalk($0, name: $0, excluding: excluded) }
      var reader = ManifestReader()
      cache = try await cache.read(walks, into: &reader)
      let moved = walks.lazy.flatMap(\.directories).first {
        $0.identity == nil || $0.identity != FileIdentity(of: $0.path)
      }
      guard let moved else { return (reader.finish(), cache) }
      if attempt == 5 {
        reader.fail(file: moved.name, "this directory keeps changing while being read; it will be read again")
        return (reader.finish(), cache)
      }
      attempt += 1
    }
  }

  private func read(_ walks: [ManifestWalk], into reader: inout ManifestReader) async throws -> ManifestCache {
    var next = ManifestCache()
    next.filesParsed = filesParsed
    next.entries.reserveCapacity(entries.count)
    var seen: Set<FileIdentity.INode> = []
    var untilPause = Self.filesWithoutPause
    for entry in walks.lazy.flatMap(\.entries) {
      switch entry {
      case .failure(let name, let words): reader.fail(file: name, words)
      case .file(let file) where seen.insert(file.identity.place).inserted:
        reader.add(next.content(of: file, known: entries[file.name]))
      case .file: break
      }
      untilPause -= 1
      if untilPause == 0 {
        untilPause = Self.filesWithoutPause
        try Task.checkCancellation()
        await Task.yield()
      }
    }
    return next
  }

  /// Files are read on the threads that all tasks share; after this many files, other tasks get their turn.
  private static let filesWithoutPause = 256

  private mutating func content(of file: ManifestWalk.File, known: Entry?) -> ManifestFile {
    if let known, known.isSettled, known.identity == file.identity {
      entries[file.name] = known
      return known.content
    }
    guard file.isRegular else { return ManifestFile(unreadable: file.name, "not a regular file") }
    do {
      let now = Self.now()
      let contents = try FileContents.read(file: file.path)
      let digest = SHA256.hash(contents.bytes)
      let content = known?.digest == digest ? known?.content : nil
      if content == nil { filesParsed += 1 }
      let entry = Entry(
        identity: contents.identity, isSettled: contents.identity.isSettled(at: now), digest: digest,
        content: content ?? ManifestFile(parsing: contents.bytes, file: file.name, isNamed: file.isNamed))
      entries[file.name] = entry
      return entry.content
    } catch {
      return ManifestFile(unreadable: file.name, error.message)
    }
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
