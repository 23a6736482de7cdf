package import Endpoints

/// An applied config of one endpoint. Revisions are numbered per endpoint from 1.
package struct Revision: Hashable, Sendable {
  package let number: Int
  package let digest: ConfigDigest
  /// The config, if its snapshot is available: a value that history keeps only as a code may be lost.
  package var config: EndpointConfig?
  package let recordedAt: Timestamp
  /// The source commit it came from, if there was one.
  package let sourceCommit: String?
  /// The versions that the manifest named by an alias when it was last rolled out from one.
  package var aliases: [AliasedVersion]
  package var outcome: RevisionOutcome
  /// An ordinal that increases over all revisions of the endpoint each time one is established: becomes ready and
  /// passes its verification, or is restored by a rollback. Nil if never, or if it failed since. The highest is the
  /// last good one.
  package var established: Int?

  package init(
    number: Int, digest: ConfigDigest, config: EndpointConfig?, recordedAt: Timestamp, sourceCommit: String? = nil,
    aliases: [AliasedVersion] = [], outcome: RevisionOutcome = .pending, established: Int? = nil
  ) {
    self.number = number
    self.digest = digest
    self.config = config
    self.recordedAt = recordedAt
    self.sourceCommit = sourceCommit
    self.aliases = aliases
    self.outcome = outcome
    self.established = established
  }

  package var isGood: Bool { established != nil }
}

/// The outcome of the last rollout of a revision.
package enum RevisionOutcome: Hashable, Sendable {
  /// Recorded, perhaps sent, not judged.
  case pending
  /// Became ready and passed its verification.
  case good
  /// Found live and ready, and recorded before it was replaced or when the endpoint was adopted.
  case found
  /// The rollout failed at the provider, or its verification failed. With the cause class and the provider's message.
  case failed(CauseClass, String)
  /// The provider refused the write, with this message.
  case refused(String)
  /// A user canceled the update at the provider.
  case canceled
  /// Something else took its place before it could be judged.
  case superseded
  /// Recorded, but not sent, or not accepted: the manifest or the live state changed first.
  case unsent

  /// The outcome in one word, for tables and programs.
  package var word: String {
    switch self {
    case .pending: "pending"
    case .good: "good"
    case .found: "found"
    case .failed: "failed"
    case .refused: "refused"
    case .canceled: "canceled"
    case .superseded: "superseded"
    case .unsent: "unsent"
    }
  }

  /// The provider's message, if there is one.
  package var message: String? {
    switch self {
    case .failed(_, let words), .refused(let words): words
    case .pending, .good, .found, .canceled, .superseded, .unsent: nil
    }
  }
}
