/// What becomes of a rollout of one model version.
package enum VersionFate: Hashable, Sendable {
  /// Ready after this many looks at the endpoint.
  case ready(polls: Int = 1)
  /// Given up after this many looks, with these words on the served entity.
  case fails(polls: Int = 1, message: String)
  /// Under way for ever.
  case hangs
  /// Not even accepted.
  case refused(status: Int = 400, errorCode: String = "INVALID_PARAMETER_VALUE", message: String)
}

/// Where servers are known to differ, or to change (contract, appendices A and B).
package struct WorkspaceHabits: Hashable, Sendable {
  /// Whether `pending_config` is shown after a failure.
  package var keepsPendingAfterFailure = false
  /// Whether answers hold members and state words that no SDK knows.
  package var speaksOfTheFuture = false
  /// Whether the mirror `served_models` and both route names are filled in, and tags and entities come in an order of the
  /// server's own.
  package var mirrorsAndReorders = true

  package init() {}
}
