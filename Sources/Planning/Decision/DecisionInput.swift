package import Endpoints

/// The source's statement about one endpoint.
package enum Desired: Hashable, Sendable {
  /// The meaning of the manifest, and the config that it would roll out.
  indirect case present(DesiredEndpoint, Rollout)
  /// The source was read completely, and the endpoint is not in it.
  case none
  /// Unknown: an alias cannot be resolved, a registry cannot be reached, or a file of the source is invalid. With the
  /// reason.
  case unknown(String)

  /// Creates the desired state of an endpoint and computes its digest.
  package static func present(_ endpoint: DesiredEndpoint) -> Desired {
    .present(endpoint, Rollout(endpoint.config))
  }
}

/// The provider's statement about one endpoint.
package enum Observation: Hashable, Sendable {
  /// A 404, never a failure to read.
  case absent
  /// The endpoint could not be read, for this reason.
  case unreadable(String)
  indirect case present(ObservedEndpoint)
}

/// What a user or the controller allows in this pass.
package struct DecisionOptions: Hashable, Sendable {
  /// The fleet that this pass acts for; only endpoints with its tag are touched.
  package let fleet: String
  /// Whether to adopt desired endpoints that carry no fleet tag, or another fleet's.
  package let adopt: Bool
  /// Whether to delete endpoints of the fleet that the source no longer names.
  package let prune: Bool
  /// Whether to recreate an endpoint if the difference is in a field that can only be set at creation.
  package let allowRecreate: Bool
  /// Whether to leave every side setting except tags unchanged: for commands that know a rollout but no manifest.
  package let leavesSettings: Bool
  /// The source commit that new revisions are recorded with, if there is one.
  package let sourceCommit: String?

  /// The fleet of commands that do not name one.
  package static let defaultFleet = "default"

  package init(
    fleet: String = defaultFleet, adopt: Bool = false, prune: Bool = false, allowRecreate: Bool = false,
    leavesSettings: Bool = false, sourceCommit: String? = nil
  ) {
    self.fleet = fleet
    self.adopt = adopt
    self.prune = prune
    self.allowRecreate = allowRecreate
    self.leavesSettings = leavesSettings
    self.sourceCommit = sourceCommit
  }
}
