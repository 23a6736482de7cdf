package import Endpoints

/// What the source says of one endpoint.
package enum Desired: Hashable, Sendable {
  /// The manifest's meaning, and what it would roll out.
  indirect case present(DesiredEndpoint, Rollout)
  /// The source was read whole, and the endpoint is not in it.
  case none
  /// It cannot be told: an alias or registry cannot be reached, or a file of the source is broken. Why, in words.
  case unknown(String)

  /// The desired endpoint with its digest computed.
  package static func present(_ endpoint: DesiredEndpoint) -> Desired {
    .present(endpoint, Rollout(endpoint.config))
  }
}

/// What the provider says of one endpoint.
package enum Observation: Hashable, Sendable {
  /// A real 404, never a failure to read.
  case absent
  /// It could not be read. Why, in words.
  case unreadable(String)
  indirect case present(ObservedEndpoint)
}

/// What a person or the controller allows in this pass.
package struct DecisionOptions: Hashable, Sendable {
  /// The fleet in whose name this pass acts; only endpoints with its tag are touched.
  package let fleet: String
  /// Take over endpoints that are desired and carry no tag, or another fleet's.
  package let adopt: Bool
  /// Delete endpoints of the fleet that the source no longer names.
  package let prune: Bool
  /// Delete an endpoint and make it again where what differs can be set at creation only.
  package let allowRecreate: Bool
  /// Leave every side setting but the tags as it is: for commands that know a rollout and no manifest.
  package let leavesSettings: Bool
  /// The source commit that new revisions are recorded with, where there is one.
  package let sourceCommit: String?

  /// The fleet of commands that name none.
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
