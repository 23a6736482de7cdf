internal import Endpoints
internal import Synchronization

/// Manifests from files and directories on this machine, read again whenever they change.
///
/// Paths have the same meaning as with `-f` elsewhere (see `ManifestFiles`). Only changed files are parsed again.
package final class DirectorySource: ManifestSource {
  package let description: String
  private let paths: [String]
  private let excluded: [IgnorePattern]
  private let cache = Mutex(ManifestCache())
  private let openInotify: @Sendable () -> Int32
  private let warn: @Sendable (String) -> Void

  /// - Parameters:
  ///   - paths: files and directories; both may be symbolic links, also ones whose target does not exist yet.
  ///   - excluded: patterns of skipped files below directories.
  ///   - openInotify: opens an inotify instance (inotify_init1(2)).
  ///   - warn: called with a message if changes cannot be watched, so that they are only noticed at the next interval.
  package init(
    paths: [String], excluding excluded: [IgnorePattern] = [],
    openInotify: @escaping @Sendable () -> Int32 = { DirectoryWatch.openInotify() },
    warn: @escaping @Sendable (String) -> Void
  ) {
    self.paths = paths
    self.excluded = excluded
    self.openInotify = openInotify
    self.warn = warn
    description = paths.joined(separator: ", ")
  }

  /// How many times a file was parsed so far.
  package var filesParsed: Int { cache.withLock { $0.filesParsed } }

  package func read() async throws -> SourceReading {
    guard !paths.contains(ManifestFiles.standardInput) else {
      var reader = ManifestReader()
      reader.fail(
        file: ManifestFiles.standardInput, "standard input can be read only once; use a file or a directory instead")
      return SourceReading(set: reader.finish())
    }
    let known = cache.withLock { $0 }
    let (set, next) = try await known.read(paths, excluding: excluded)
    cache.withLock { $0 = next }
    return SourceReading(set: set)
  }

  /// The first element comes once the watches exist: earlier changes were not seen.
  package func changes() -> AsyncStream<Void> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      DirectoryWatch.start(
        paths: paths, excluding: excluded, openInotify: openInotify, warn: warn, telling: continuation)
    }
  }
}
