internal import Endpoints

/// One endpoint that is desired, with everything that is known of it: what rows 3 and 5 to 14 are decided on.
struct Situation {
  let endpoint: DesiredEndpoint
  /// What the manifest says to roll out.
  let desired: Rollout
  /// Nil: there is none.
  let live: ObservedEndpoint?
  let memory: Memory
  let now: Timestamp
  let options: DecisionOptions
  let heldTag: HeldTag
  /// The hold that keeps the manifest from being rolled out; nil where there is none, or only one that the manifest
  /// lifts.
  let heldInForce: Held?

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
    heldInForce = heldTag.held.flatMap { $0.isInForce(for: endpoint, desired) ? $0 : nil }
  }

  var decision: Decision {
    if let live, !live.belongs(to: options.fleet) { return withStranger(live) }
    let plan = settingsPlan
    return withSettings(withTags(rollout, marks: plan.map(marksNow) ?? TagPatch()), plan)
  }

  /// Rows 5 to 14, the side settings aside.
  private var rollout: Decision {
    if let live, live.update.isUpdating { return duringUpdate(of: live) }
    if case .unreadable(let why) = heldTag {
      return .hold(
        Reason(
          .stalled,
          "the tag \(FleetTags.held) cannot be read: \(why); \"setpoint retry \(endpoint.name)\" removes it"),
        target: desired, degraded: "a damaged tag")
    }
    if let attempt = memory.attempt { return judging(attempt) }
    if heldInForce == nil, let recreation { return recreation }
    return pursuit
  }
}

// Row 3
extension Situation {
  private func withStranger(_ live: ObservedEndpoint) -> Decision {
    if FleetTags.isReserved(endpoint: live.name) {
      return .hold(Reason(.conflict, "names that begin with databricks- belong to the platform"), target: desired)
    }
    guard options.adopt else {
      let owner = live.fleet.map { "it belongs to the fleet \"\($0)\"" } ?? "it was not made by Setpoint"
      return .hold(Reason(.conflict, "\(owner); --adopt takes it over"), target: desired)
    }
    let lost = (live.active?.unrepresented ?? []) + (live.pending?.unrepresented ?? [])
    guard lost.isEmpty else {
      return .hold(
        Reason(
          .conflict,
          "--adopt does not take it over: its config has \(Set(lost).sorted().joined(separator: ", ")), which no "
            + "manifest can say and the next update would drop"), target: desired)
    }
    let plan = settingsPlan
    let patch = endpoint.guardPatch(on: live.tags, fleet: options.fleet)
    let tagging = Operation.patchTags(name: live.name, patch)
    let isMet = live.active.map { desired.config.isMet(by: $0.config) } ?? false
    var decision = Decision(
      .adopt, Reason(.adoption, live.fleet.map { "taken over from the fleet \"\($0)\"" } ?? ""), target: desired,
      tagPatch: patch.merging(endpoint.settingsPatch(on: live.tags)).merging(plan?.marks ?? TagPatch()),
      next: .call(tagging),
      operations: isMet ? [tagging] : [tagging, .updateConfig(name: live.name, config: desired.config)])
    if let plan {
      decision.operations += plan.steps.map { .changeSetting(name: live.name, $0) }
      decision.settingFields = plan.fields
    }
    if let record = recordOfUnknownLive { return decision.then(.record(record)) }
    return decision.afterSetback(memory.setbacks[.tags], now: now)
  }

  /// What is live, ready and in no revision, to be recorded before it is replaced; nil where that is not so. A config
  /// that the manifest means is recorded as the manifest spells it, so that both have one digest.
  var recordOfUnknownLive: MemoryChange? {
    guard let live, live.readiness == .ready, let active = live.active else { return nil }
    if let held = heldTag.held, isLive(held.digest) { return nil }
    let found = desired.config.isMet(by: active.config) ? desired : Rollout(active.config)
    let isKnown = memory.revisions.contains {
      $0.digest == found.digest || $0.config?.isMet(by: active.config) ?? false
    }
    return isKnown ? nil : .found(found, id: live.id, version: active.version, at: now)
  }
}

// What is live
extension Situation {
  /// Whether the active config is the one with this digest. Names that nobody chose do not count where the config
  /// itself is at hand.
  func isLive(_ digest: ConfigDigest) -> Bool {
    guard let active = live?.active?.config else { return false }
    if digest == desired.digest { return desired.config.isMet(by: active) }
    if let config = memory.revision(of: digest)?.config { return config.isMet(by: active) }
    return active.digest == digest
  }

  func means(_ config: EndpointConfig, _ digest: ConfigDigest) -> Bool {
    if digest == desired.digest { return desired.config.isMet(by: config) }
    if let known = memory.revision(of: digest)?.config { return known.isMet(by: config) }
    return config.digest == digest
  }
}

extension Decision {
  func then(_ next: Step) -> Decision {
    var copy = self
    copy.next = next
    return copy
  }
}
