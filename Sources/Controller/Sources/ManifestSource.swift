package import Endpoints

/// A source of the controller's manifests.
package protocol ManifestSource: Sendable {
  /// Its name for people, without secrets.
  var description: String { get }

  /// Reads the whole source.
  ///
  /// An unreadable source does not throw: it returns an incomplete reading, so that nothing is deleted because of it.
  ///
  /// - Throws: only `CancellationError`.
  func read() async throws -> SourceReading

  /// Returns an element whenever a read may have a new result; bursts are merged. It ends with the task that iterates
  /// over it.
  func changes() -> AsyncStream<Void>
}

/// The result of reading a source once.
package struct SourceReading: Sendable {
  package let set: ManifestSet
  /// The full hash of the commit that the manifests come from, if the source has commits.
  package let commit: String?
  /// Why these manifests are not the newest, or are missing, for people; nil if nothing failed.
  package let problem: String?

  package init(set: ManifestSet, commit: String? = nil, problem: String? = nil) {
    self.set = set
    self.commit = commit
    self.problem = problem
  }
}
