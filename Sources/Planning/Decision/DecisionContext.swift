internal import Endpoints

/// One desired endpoint, with everything that is known of it: the input of rows 3 and 5 to 14 of the table in
/// docs/architecture.md. The first rule that applies decides, in this order:
///
/// - Row 3, an endpoint of another owner: `foreignEndpointDecision`, below.
/// - Row 5, the provider is updating: `DecisionContext+UpdateInProgress.swift`.
/// - A tag that cannot be read: `rolloutDecision`, below.
/// - Rows 6 to 10, an attempt is open: `DecisionContext+OpenAttempt.swift`.
/// - A setting that needs a new endpoint: `recreationDecision` in `DecisionContext+SideSettings.swift`, unless a
///   hold is active.
/// - Rows 11 to 14, nothing is open: `DecisionContext+NoAttempt.swift`.
///
/// Then, except in row 3, the tags (`DecisionContext+Tags.swift`) and the side settings
/// (`DecisionContext+SideSettings.swift`) are added to that decision. `DecisionContext+RolloutSteps.swift` determines
/// the config of each step, and `DecisionContext+PreviousFailure.swift` the text about an earlier failure.
struct DecisionContext {
  let endpoint: DesiredEndpoint
  /// The config that the manifest asks for.
  let desired: Rollout
  /// The live endpoint; nil if there is none.
  let live: ObservedEndpoint?
  let memory: Memory
  let now: Timestamp
  let options: DecisionOptions
  let heldTag: HeldTag
  /// The hold that keeps the manifest from being rolled out; nil if there is none, or only one that the manifest lifts.
  let activeHold: HeldConfig?

  init(
    _ endpoint: DesiredEndpoint, _ desired: Rollout, live: ObservedEndpoint?, memory: Memory, now: Timestamp,
    options: DecisionOptions
  ) {
    self.endpoint = endpoint
    self.desired = desired
    self.live = live
    self.memory = memory
    self.now = now
    self.options = options
    heldTag = live.map { HeldTag(tags: $0.tags) } ?? memory.heldWhileAbsent.map(HeldTag.held) ?? .nothing
    activeHold = heldTag.held.flatMap { $0.isInForce(for: endpoint, desired) ? $0 : nil }
  }

  var decision: Decision {
    if let live, !live.belongs(to: options.fleet) { return foreignEndpointDecision(live) }
    let plan = settingsPlan
    return withSettings(withTags(rolloutDecision, marks: plan.map(marksNow) ?? TagPatch()), plan)
  }

  /// The decision of rows 5 to 14, without side settings.
  private var rolloutDecision: Decision {
    if let live, live.update.isUpdating { return updateInProgressDecision(of: live) }
    if case .unreadable(let why) = heldTag {
      return .hold(
        Reason(
          .stalled,
          "the tag \(FleetTags.held) cannot be read: \(why); \"setpoint retry \(endpoint.name)\" removes it"),
        target: manifestTarget, degraded: "a damaged tag")
    }
    if let attempt = memory.attempt { return attemptDecision(attempt) }
    if activeHold == nil, let recreationDecision { return recreationDecision }
    return noAttemptDecision
  }
}

// Row 3
extension DecisionContext {
  private func foreignEndpointDecision(_ live: ObservedEndpoint) -> Decision {
    if FleetTags.isReserved(endpoint: live.name) {
      return .hold(
        Reason(.conflict, "names starting with \"databricks-\" are reserved for Databricks' own endpoints"),
        target: manifestTarget)
    }
    guard options.adopt else {
      let owner = live.ownerClause(isKnown: memory.endpointID == live.id)
      return .hold(Reason(.conflict, "\(owner); --adopt takes it over"), target: manifestTarget)
    }
    let lost = (live.active?.unrepresented ?? []) + (live.pending?.unrepresented ?? [])
    guard lost.isEmpty else {
      return .hold(
        Reason(
          .conflict,
          "--adopt does not take it over: its config has \(Set(lost).sorted().joined(separator: ", ")), which "
            + "manifests cannot express and the next update would remove"), target: manifestTarget)
    }
    let plan = settingsPlan
    let patch = endpoint.guardPatch(on: live.tags, fleet: options.fleet)
    let tagging = Operation.patchTags(name: live.name, patch)
    let isMet = isLive(desired.digest)
    var decision = Decision(
      .adopt, Reason(.adoption, live.fleet.map { "taken over from fleet \"\($0)\"" } ?? ""), target: manifestTarget,
      tagPatch: patch.merging(endpoint.settingsPatch(on: live.tags)).merging(plan?.marks ?? TagPatch()),
      next: .call(tagging),
      operations: isMet ? [tagging] : [tagging, .updateConfig(name: live.name, config: desired.config)])
    if let plan {
      decision.operations += plan.steps.map { .changeSetting(name: live.name, $0) }
      decision.settingFields = plan.fields
    }
    if let record = recordOfUnknownLive { return decision.then(.record(record)) }
    return decision.afterBackoff(memory.backoffs[.tags], now: now)
  }

  /// The change that records a live, ready config that is in no revision before it is replaced; nil if there is none. A
  /// config that the manifest means is recorded as the manifest spells it, so that both have one digest.
  var recordOfUnknownLive: MemoryChange? {
    guard let live, live.readiness == .ready, let active = live.active else { return nil }
    if let held = heldTag.held, isLive(held.digest) { return nil }
    let found = rolloutFound(in: active.config)
    let isKnown = memory.revisions.contains {
      $0.digest == found.digest || $0.config?.isMet(by: active.config) ?? false
        || $0.config?.isMet(by: found.config) ?? false
    }
    return isKnown || isBetweenRevisions ? nil : .found(found, id: live.id, version: active.version, at: now)
  }

  /// Returns the good part of the live config: during a rollout, the config that is being replaced; if one of two
  /// versions has all of the traffic, that one.
  private func rolloutFound(in active: EndpointConfig) -> Rollout {
    if isLive(desired.digest) || isKeptForNothing(desired) { return desired }
    if !endpoint.rollout.steps.isEmpty, let previous = besideLive(desired) {
      return Rollout(EndpointConfig(entities: [previous]))
    }
    if active.entities.count == 2, let kept = active.entities.first(where: { $0.traffic == 0 }) {
      return Rollout(active.without(kept))
    }
    return Rollout(active)
  }
}

// What is live
extension DecisionContext {
  /// Whether the active config has this digest, alone or with a version kept beside it.
  func isLive(_ digest: ConfigDigest) -> Bool {
    guard let active = live?.active?.config else { return false }
    if means(active, digest) { return true }
    guard active.entities.count > 1 else { return false }
    return (digest == desired.digest ? desired : rollout(of: digest)).map(isLiveWithKept) ?? false
  }

  /// Whether a config has this digest. Default names do not count if the digest's config is available.
  func means(_ config: EndpointConfig, _ digest: ConfigDigest) -> Bool {
    if digest == desired.digest { return desired.config.isMet(by: config) }
    if let known = memory.revision(of: digest)?.config { return known.isMet(by: config) }
    return config.digest == digest
  }

  /// Returns the config of a digest: from this machine's history, or live beside another one.
  func rollout(of digest: ConfigDigest) -> Rollout? {
    if let known = memory.rollout(of: digest) { return known }
    guard let active = live?.active?.config, active.entities.count > 1 else { return nil }
    for entity in active.entities {
      let unnamed = ServedEntity.defaultName(entityName: entity.entityName, entityVersion: entity.entityVersion)
      for name in [entity.name, unnamed] {
        let alone = EndpointConfig(entities: [entity.serving(100, as: name)])
        if alone.digest == digest { return Rollout(alone, digest: digest) }
      }
    }
    return nil
  }

  /// The config that the manifest asks for, with the version that stays beside it; shown as the target.
  var manifestTarget: Rollout {
    guard endpoint.rollout.keepPrevious else { return desired }
    if isLiveWithKept(desired), let active = live?.active?.config { return Rollout(active, digest: desired.digest) }
    return config(of: desired, at: .keeping).map { Rollout($0, digest: desired.digest) } ?? desired
  }
}

extension Decision {
  func then(_ next: Step) -> Decision {
    var copy = self
    copy.next = next
    return copy
  }
}
