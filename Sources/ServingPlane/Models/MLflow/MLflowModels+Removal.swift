import Synchronization

// Removing versions that are on the disk and that nothing needs. A version that is in use is left alone: it is being
// looked up or downloaded, or a config with it is about to be accepted.
extension MLflowModels {
  /// The versions in use, with the number of uses of each, and the folders that are being removed.
  struct Uses: Sendable {
    fileprivate(set) var counts: [ModelVersionID: Int] = [:]
    fileprivate(set) var removals: Set<String> = []
  }

  func hold(_ versions: Set<ModelVersionID>) {
    uses.withLock { uses in for version in versions { uses.counts[version, default: 0] += 1 } }
  }

  func release(_ versions: Set<ModelVersionID>) {
    uses.withLock { uses in
      for version in versions {
        let count = (uses.counts[version] ?? 0) - 1
        uses.counts[version] = count > 0 ? count : nil
      }
    }
  }

  /// What ``discard(besides:)`` would take away. Blocks on the disk.
  ///
  /// - Parameter needed: the versions that endpoints need.
  func leftovers(besides needed: Set<ModelVersionID>) -> [ModelLeftover] {
    let (held, removals) = uses.withLock { ($0.counts, $0.removals) }
    let deleted = cache.movedAside().filter { !removals.contains($0.folder) }.map { files in
      ModelLeftover(path: files.path, what: files.what, bytes: FolderSize(of: files.folder).freeable)
    }
    let versions = cache.contents().filter { held[$0.key] == nil && !needed.contains($0.key) }
    let unneeded = versions.map { version, files in
      let (path, what) = cache.description(of: version, files)
      return ModelLeftover(path: path, what: what, bytes: cache.size(of: version, files))
    }
    return (deleted + unneeded).sorted { $0.path < $1.path }
  }

  /// Takes away what nothing needs: it is gone at once. Its files are removed by ``remove(_:)``.
  ///
  /// - Parameter needed: the versions that endpoints need. No other one may become needed meanwhile, unless it is held.
  func discard(besides needed: Set<ModelVersionID>) throws(ModelError) -> [DiscardedFiles] {
    try uses.withLock { uses throws(ModelError) -> [DiscardedFiles] in
      var discarded: [DiscardedFiles] = []
      for files in cache.movedAside() where !uses.removals.contains(files.folder) { discarded.append(files) }
      for (version, files) in cache.contents() where uses.counts[version] == nil && !needed.contains(version) {
        discarded.append(try cache.moveAside(version, files))
        let isModelHeld = uses.counts.keys.contains { $0.model == version.model }
        if !isModelHeld { cache.removeIfEmpty(version.model) }
      }
      uses.removals.formUnion(discarded.map(\.folder))
      return discarded.sorted { $0.path < $1.path }
    }
  }

  /// Removes files that were discarded. Blocks on the disk.
  ///
  /// - Returns: what they were, with the bytes that were freed.
  func remove(_ discarded: [DiscardedFiles]) throws(ModelError) -> [ModelLeftover] {
    defer { uses.withLock { $0.removals.subtract(discarded.map(\.folder)) } }
    var removed: [ModelLeftover] = []
    for files in discarded {
      removed.append(ModelLeftover(path: files.path, what: files.what, bytes: try cache.removeFolder(files.folder)))
    }
    return removed
  }
}
