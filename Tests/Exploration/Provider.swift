internal import Endpoints
internal import Planning

/// A small model of the serving API: one endpoint, with the state machine of serving-api.md 2.
struct Provider: Hashable, Sendable {
  var live: ObservedEndpoint?
  /// The highest config version that was assigned.
  var lastVersion: Int64 = 0
  /// How many more times the unlucky version fails.
  var bad: Int

  /// Differences between servers that must not matter.
  struct Behaviors: Hashable, Sendable {
    /// Whether the config of a failed update is still reported.
    var keepsPending = true
    /// Whether changing tags moves last-updated.
    var tagsMoveLastUpdated = false
  }

  func performing(_ operation: Operation, _ behaviors: Behaviors) -> (Provider, CallResult) {
    var copy = self
    let callResult = copy.perform(operation, behaviors)
    return (copy, callResult)
  }

  private mutating func perform(_ operation: Operation, _ behaviors: Behaviors) -> CallResult {
    switch operation {
    case .create(let name, let config, let tags, _):
      guard live == nil else { return .conflict("exists") }
      lastVersion += 1
      live = ObservedEndpoint(
        name: name, id: "new", pending: begin(config), readiness: .notReady, update: .inProgress, tags: tags,
        lastUpdated: 1)
      return .accepted(id: "new", version: lastVersion)
    case .updateConfig(_, let config):
      guard let live else { return .refused("no such endpoint") }
      guard !live.update.isUpdating else { return .conflict("updating") }
      lastVersion += 1
      self.live = live.with(pending: begin(config), update: .inProgress, touched: true)
      return .accepted(id: live.id, version: lastVersion)
    case .patchTags(_, let patch):
      guard let live else { return .refused("no such endpoint") }
      self.live = live.with(tags: patch.applied(to: live.tags), touched: behaviors.tagsMoveLastUpdated)
      return .accepted(id: nil, version: nil)
    case .delete:
      live = nil
      return .accepted(id: nil, version: nil)
    // The explored manifests have no side settings except tags.
    case .changeSetting: return .refused("not explored")
    }
  }

  private func begin(_ config: EndpointConfig) -> ObservedConfig {
    ObservedConfig(version: lastVersion, config: config, startTime: ModelTime.now.milliseconds)
  }

  /// The end of the update in progress; nil if there is none, or it never ends.
  func progressed(_ behaviors: Behaviors) -> (label: String, Provider)? {
    guard let live, live.update == .inProgress, let pending = live.pending else { return nil }
    let update = "the update to \(shown(pending.config))"
    switch outcome(of: pending.config) {
    case .lands: return ("\(update) lands", landing(live, pending))
    case .hangs: return nil
    case .fails: return ("\(update) fails: out of memory", failing(live, pending, "out of memory", behaviors))
    case .hasBadLuck:
      var copy = failing(live, pending, "insufficient capacity", behaviors)
      copy.bad -= 1
      return ("\(update) fails: insufficient capacity", copy)
    }
  }

  private enum Outcome { case lands, hangs, fails, hasBadLuck }

  /// The outcome of an update is the outcome of its worst entity.
  private func outcome(of config: EndpointConfig) -> Outcome {
    let outcomes = config.entities.map { entity -> Outcome in
      switch Version.of(entity) {
      case .good, .alsoGood, .foreign, .wrong, .shy, nil: .lands
      case .hanging: .hangs
      case .broken: .fails
      case .fragile: entity.traffic > 0 ? .fails : .lands
      case .unlucky: bad > 0 ? .hasBadLuck : .lands
      }
    }
    return outcomes.first { $0 != .lands } ?? .lands
  }

  private func landing(_ live: ObservedEndpoint, _ pending: ObservedConfig) -> Provider {
    var copy = self
    copy.live = live.with(
      active: ObservedConfig(version: pending.version, config: pending.config), pending: .some(nil),
      readiness: .ready, update: .notUpdating, touched: true)
    return copy
  }

  private func failing(
    _ live: ObservedEndpoint, _ pending: ObservedConfig, _ message: String, _ behaviors: Behaviors
  ) -> Provider {
    var copy = self
    let deployments = ["x": ObservedConfig.Deployment(state: "DEPLOYMENT_FAILED", message: message)]
    let failed = ObservedConfig(version: pending.version, config: pending.config, deployments: deployments)
    copy.live = live.with(pending: .some(behaviors.keepsPending ? failed : nil), update: .failed, touched: true)
    return copy
  }

  /// A user cancels the update in progress.
  func canceled(_ behaviors: Behaviors) -> Provider? {
    guard let live, live.update == .inProgress, let pending = live.pending else { return nil }
    var copy = self
    let kept = ObservedConfig(version: pending.version, config: pending.config)
    copy.live = live.with(pending: .some(behaviors.keepsPending ? kept : nil), update: .canceled, touched: true)
    return copy
  }
}

extension ObservedEndpoint {
  func with(
    id: String? = nil, active: ObservedConfig?? = nil, pending: ObservedConfig?? = nil, readiness: Readiness? = nil,
    update: UpdateState? = nil, tags: [String: String]? = nil, lastUpdated: Int64? = nil, touched: Bool = false
  ) -> ObservedEndpoint {
    ObservedEndpoint(
      name: name, id: id ?? self.id, creator: creator, active: active ?? self.active,
      pending: pending ?? self.pending, readiness: readiness ?? self.readiness, update: update ?? self.update,
      tags: tags ?? self.tags, lastUpdated: lastUpdated ?? (self.lastUpdated + (touched ? 1 : 0)))
  }
}
