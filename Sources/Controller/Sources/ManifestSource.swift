package import Endpoints

/// Where the controller's manifests come from.
package protocol ManifestSource: Sendable {
  /// What people call it; no secrets in it.
  var description: String { get }

  /// Everything that the source says now.
  ///
  /// An unreadable source does not throw: it is a reading that is not complete, so that nothing is deleted for its sake.
  ///
  /// - Throws: `CancellationError` only.
  func read() async throws -> SourceReading

  /// An element whenever a read may give something new; bursts come as one. It ends with the task that iterates over it.
  func changes() -> AsyncStream<Void>
}

/// What a source said at one time.
package struct SourceReading: Sendable {
  package let set: ManifestSet
  /// The commit that the manifests come from, where the source has such a thing: all its digits.
  package let commit: String?
  /// Why these manifests are not the newest, or none at all, in words for people; nil when all went well.
  package let problem: String?

  package init(set: ManifestSet, commit: String? = nil, problem: String? = nil) {
    self.set = set
    self.commit = commit
    self.problem = problem
  }
}
