/// What the provider reports of one endpoint, at one reading.
package struct ObservedEndpoint: Hashable, Sendable {
  package let name: String
  /// The provider's own id: another one under the same name is another endpoint (serving-api.md Q42).
  package let id: String
  package let creator: String?
  /// The config that answers requests; nil until a first one has been activated.
  package let active: ObservedConfig?
  /// The config being rolled out; whether it is still reported after a failure varies between servers
  /// (serving-api.md 2.2).
  package let pending: ObservedConfig?
  package let readiness: Readiness
  package let update: UpdateState
  /// Every tag, ours and other people's.
  package var tags: [String: String]
  /// Milliseconds since 1970 at which the endpoint last changed, by the provider's clock.
  package let lastUpdated: Int64
  /// What is special about the endpoint beside config and tags; nil: nothing.
  @OutOfLine package var settings: ObservedSettings?
  /// What was seen of the rollout that failed, while it ran; nil where none failed, or nobody of this process watched.
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
  /// Per served entity name, its deployment state and the server's words on it.
  package let deployments: [String: Deployment]
  /// Milliseconds since 1970 at which the rollout of this config began; nil where not reported.
  package let startTime: Int64?
  /// Members that make a rollout and that no manifest can say, as paths such as
  /// `served_entities[main].instance_profile_arn`. While there is any, writing the config would take it away.
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

  /// A served entity's deployment: `state` is the server's word (`DEPLOYMENT_READY`, …), `message` its explanation.
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
  /// A word this version does not know; treated as not ready, and shown.
  case unknown(String)
}

/// `state.config_update`: the outcome of the last config change. The two failure values stay until the next change.
package enum UpdateState: Hashable, Sendable {
  case notUpdating
  case inProgress
  case failed
  case canceled
  /// A word this version does not know; treated as still updating, so that nothing is written over it.
  case unknown(String)

  /// Whether a write now would meet an update under way.
  package var isUpdating: Bool {
    switch self {
    case .inProgress, .unknown: true
    case .notUpdating, .failed, .canceled: false
    }
  }
}
