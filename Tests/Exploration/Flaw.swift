internal import Endpoints
package import Planning

package typealias Decide =
  @Sendable (Desired, Observation, Memory, Timestamp, DecisionOptions) -> Decision

/// The decision under test.
package let realDecide: Decide = {
  decide(desired: $0, observed: $1, memory: $2, now: $3, options: $4)
}

/// A named flaw around the real decision, to show that the exploration would find it.
package enum Flaw: String, CaseIterable, Sendable {
  /// Holds are ignored.
  case quarantine
  /// Whatever becomes ready is good without verification.
  case verify
  /// The endpoints of other fleets count as ours.
  case ownership
  /// An attempt is sent again whatever the live state is.
  case baseCheck = "base-check"
  /// The tag that protects from deletion is ignored.
  case retain
  /// An overdue update is overwritten.
  case patience
  /// The config that is replaced is not recorded first.
  case wayBack = "way-back"
  /// An unreadable source counts as empty.
  case halfRead = "half-read"
  /// A config that fails at a step is not held.
  case stepFailure = "step-failure"
  /// The next step is sent before this one is verified.
  case haste
  /// A rollout in steps begins from the live config, half-promoted or not.
  case halfway
  /// A kept version counts as drift.
  case kept

  package func around(_ decide: @escaping Decide) -> Decide {
    switch self {
    case .quarantine:
      { desired, observed, memory, now, options in
        // Only the part that decides what to send; the judgment of an update still sees the tag.
        if let attempt = memory.attempt, attempt.acceptance != nil || attempt.refusal != nil {
          return decide(desired, observed, memory, now, options)
        }
        var forgetful = memory
        forgetful.heldWhileAbsent = nil
        return decide(desired, observed.withoutTag(FleetTags.held), forgetful, now, options)
      }
    case .verify:
      { desired, observed, memory, now, options in
        let decision = decide(desired, observed, memory, now, options)
        guard case .verify = decision.next else { return decision }
        var hasty = decision
        hasty.next = .record(.closed(.init(.good, at: now)))
        return hasty
      }
    case .ownership:
      { desired, observed, memory, now, options in
        decide(desired, observed.withTag(FleetTags.fleet, options.fleet), memory, now, options)
      }
    case .baseCheck:
      { desired, observed, memory, now, options in
        var trusting = memory
        if case .present(let live) = observed, let attempt = memory.attempt {
          trusting.attempt = Attempt(
            digest: attempt.digest, kind: attempt.kind, revision: attempt.revision, base: .init(live),
            openedAt: attempt.openedAt, correction: attempt.correction, checksDigest: attempt.checksDigest,
            step: attempt.step, acceptance: attempt.acceptance, refusal: attempt.refusal,
            verification: attempt.verification)
        }
        return decide(desired, observed, trusting, now, options)
      }
    case .retain:
      { desired, observed, memory, now, options in
        let isGone = desired == .none
        return decide(desired, isGone ? observed.withoutTag(FleetTags.retain) : observed, memory, now, options)
      }
    case .patience:
      { desired, observed, memory, now, options in
        let decision = decide(desired, observed, memory, now, options)
        guard decision.reason.code == .overdue, let target = decision.target else { return decision }
        var hasty = decision
        hasty.next = .call(.updateConfig(name: "e", config: target.config))
        return hasty
      }
    case .wayBack:
      { desired, observed, memory, now, options in
        guard case .present(let live) = observed, let config = live.active?.config else {
          return decide(desired, observed, memory, now, options)
        }
        var pretending = memory
        pretending.revisions.insert(
          Revision(number: 0, digest: config.digest, config: config, recordedAt: now), at: 0)
        return decide(desired, observed, pretending, now, options)
      }
    case .halfRead:
      { desired, observed, memory, now, options in
        if case .unknown = desired { return decide(.none, observed, memory, now, options) }
        return decide(desired, observed, memory, now, options)
      }
    case .stepFailure, .haste, .halfway, .kept: ofSteps(around: decide)
    }
  }

  private func ofSteps(around decide: @escaping Decide) -> Decide {
    { desired, observed, memory, now, options in
      guard case .present(let live) = observed, let active = live.active?.config,
        case .present(let endpoint, let rollout) = desired
      else { return decide(desired, observed, memory, now, options) }
      var memory = memory
      var desired = desired
      if self == .halfway, active.entities.count > 1 {
        memory.revisions.insert(
          Revision(
            number: 0, digest: active.digest, config: active, recordedAt: now, outcome: .found, established: .max),
          at: 0)
      }
      if self == .kept, active.entities.contains(where: { $0.traffic == 0 }), memory.attempt == nil {
        desired = .present(endpoint.keepingNothing, rollout)
      }
      var decision = decide(desired, observed, memory, now, options)
      guard let attempt = memory.attempt, let step = attempt.step else { return decision }
      switch (self, decision.next) {
      case (.stepFailure, .call(.patchTags(_, let patch))) where patch.add[FleetTags.held] != nil:
        decision.next = .record(.closed(.init(.failed(.ours, "wrong"), at: now)))
      case (.haste, .verify):
        let next = endpoint.rollout.steps.first { $0.traffic > step.traffic }
        decision.next = .record(.advanced(attempt.going(on: next, base: .init(live), at: now)))
      default: break
      }
      return decision
    }
  }
}

extension DesiredEndpoint {
  fileprivate var keepingNothing: DesiredEndpoint {
    DesiredEndpoint(
      name: name, config: config, sideSettings: sideSettings,
      rollout: RolloutPolicy(
        deadline: rollout.deadline, onFailure: rollout.onFailure, checks: rollout.checks, steps: rollout.steps),
      deletionPolicy: deletionPolicy)
  }
}

extension Observation {
  fileprivate func withTags(_ change: (inout [String: String]) -> Void) -> Observation {
    guard case .present(let live) = self else { return self }
    var tags = live.tags
    change(&tags)
    return .present(live.with(tags: tags))
  }

  fileprivate func withoutTag(_ key: String) -> Observation { withTags { $0[key] = nil } }
  fileprivate func withTag(_ key: String, _ value: String) -> Observation { withTags { $0[key] = value } }
}
