/// One endpoint as the provider reported it at one time.
package struct ObservedEndpoint: Hashable, Sendable {
  package let name: String
  /// The provider's ID: another ID under the same name is another endpoint (serving-api.md Q42).
  package let id: String
  package let creator: String?
  /// The config that answers requests; nil until the first one has been activated.
  package let active: ObservedConfig?
  /// The config being rolled out; whether it is still reported after a failure varies between servers
  /// (serving-api.md 2.2).
  package let pending: ObservedConfig?
  package let readiness: Readiness
  package let update: UpdateState
  /// All tags, Setpoint's and others.
  package var tags: [String: String]
  /// The time when the endpoint last changed, in milliseconds since 1970, by the provider's clock.
  package let lastUpdated: Int64
  /// The endpoint's settings besides config and tags; nil if it has none.
  @OutOfLine package var settings: ObservedSettings?
  /// The evidence collected during a failed rollout; nil if none failed, or this process did not watch it.
  package var evidence: RolloutEvidence?

  package init(
    name: String, id: String, creator: String? = nil, active: ObservedConfig? = nil, pending: ObservedConfig? = nil,
    readiness: Readiness, update: UpdateState, tags: [String: String] = [:], lastUpdated: Int64 = 0,
    settings: ObservedSettings? = nil
  ) {
    self.name = name
    self.id = id
    self.creator = creator
    self.active = active
    self.pending = pending
    self.readiness = readiness
    self.update = update
    self.tags = tags
    self.lastUpdated = lastUpdated
    self.settings = settings
  }
}

/// A config as the provider reports it.
package struct ObservedConfig: Hashable, Sendable {
  package let version: Int64
  package let config: EndpointConfig
  /// The deployment state and the server's message by served entity name.
  package let deployments: [String: Deployment]
  /// The time when the rollout of this config began, in milliseconds since 1970; nil if not reported.
  package let startTime: Int64?
  /// Members of the config that no manifest can express, as paths such as
  /// `served_entities[main].instance_profile_arn`. Writing the config would remove them.
  package let unrepresented: [String]

  package init(
    version: Int64, config: EndpointConfig, deployments: [String: Deployment] = [:], startTime: Int64? = nil,
    unrepresented: [String] = []
  ) {
    self.version = version
    self.config = config
    self.deployments = deployments
    self.startTime = startTime
    self.unrepresented = unrepresented
  }

  /// A served entity's deployment: `state` is the server's value (`DEPLOYMENT_READY`, …), `message` its explanation.
  package struct Deployment: Hashable, Sendable {
    package let state: String
    package let message: String

    package init(state: String, message: String) {
      self.state = state
      self.message = message
    }
  }
}

/// `state.ready`: whether every entity of the active config is ready. Compared exactly, since `NOT_READY` also ends in
/// `READY` (serving-api.md 2.6).
package enum Readiness: Hashable, Sendable {
  case ready
  case notReady
  /// A value that this version does not know; treated as not ready, and shown.
  case unknown(String)
}

/// `state.config_update`: the outcome of the last config change. The two failure values stay until the next change.
package enum UpdateState: Hashable, Sendable {
  case notUpdating
  case inProgress
  case failed
  case canceled
  /// A value that this version does not know; treated as still updating, so that nothing is overwritten.
  case unknown(String)

  /// Whether an update is in progress.
  package var isUpdating: Bool {
    switch self {
    case .inProgress, .unknown: true
    case .notUpdating, .failed, .canceled: false
    }
  }
}
