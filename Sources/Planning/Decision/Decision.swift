package import Endpoints

/// What to do about one endpoint: what the user sees, and the one next step.
///
/// A shell observes, decides, performs the step, records the result, and starts over. A call is made at most once per
/// decision, so that every call is based on a fresh observation, and a crash between any two steps is harmless.
package struct Decision: Hashable, Sendable {
  package var action: PlanAction
  package var reason: Reason
  /// The config to reach; nil if none is known or desired.
  package let target: Rollout?
  /// Every tag that differs from its desired value.
  package var tagPatch: TagPatch
  /// The differences in the other side settings, in the manifest's own terms.
  package var settingFields: [FieldChange] = []
  /// What currently blocks the change, such as an update in progress.
  package let blockedBy: String?
  /// The one next step.
  package var next: Step
  /// Why the endpoint is unhealthy or makes no progress, for the Degraded condition; nil if it is neither.
  package var degraded: String?
  /// Anything else that the user should know.
  package var warnings: [String]
  /// Every call that the decision still requires, in order, as far as is known.
  package var operations: [Operation]

  package init(
    _ action: PlanAction, _ reason: Reason, target: Rollout? = nil, tagPatch: TagPatch = TagPatch(),
    blockedBy: String? = nil, next: Step, degraded: String? = nil, warnings: [String] = [],
    operations: [Operation] = []
  ) {
    self.action = action
    self.reason = reason
    self.target = target
    self.tagPatch = tagPatch
    self.blockedBy = blockedBy
    self.next = next
    self.degraded = degraded
    self.warnings = warnings
    self.operations = operations
  }

  /// Whether nothing more happens automatically: everything is in sync, or a user has to act.
  package var isSettled: Bool { action == .none || action == .hold }
}

/// What a plan does with an endpoint.
package enum PlanAction: String, Hashable, Sendable, CaseIterable {
  case create, update, rollback, delete, adopt, hold, none

  /// Returns the action as shown to users: a manifest that has an earlier config again is an update like any other.
  package func shown(for reason: Reason.Code) -> PlanAction {
    self == .rollback && reason == .wentBack ? .update : self
  }
}

/// The reason for a decision: a code from a closed vocabulary, with a sentence for people.
package struct Reason: Hashable, Sendable {
  package let code: Code
  /// May be empty.
  package let detail: String

  package init(_ code: Code, _ detail: String = "") {
    self.code = code
    self.detail = detail
  }

  /// The code of a reason. Programs read its raw value in the plan.
  package enum Code: String, Hashable, Sendable, CaseIterable {
    case inSync = "in sync"
    case doesNotExist = "does not exist"
    case specChanged = "spec changed"
    case settingsChanged = "settings changed"
    case drift
    case wentBack = "went back"
    case updateFailed = "update failed"
    case verificationFailed = "verification failed"
    case askedFor = "asked for"
    case updating
    case overdue
    case startingUp = "starting up"
    case verifying
    case promoting
    case retrying
    case adoption
    case manifestRemoved = "manifest removed"
    case notThisFleet = "not this fleet's"
    case pruningOff = "pruning is off"
    case notRecordedHere = "not recorded here"
    /// More of the fleet would be deleted than is allowed without `--allow-mass-delete`.
    case massDeletion = "mass deletion"
    // holds
    case blocked
    case suspended
    case conflict
    case retained
    case quarantined
    case rolledBack = "rolled back"
    case unhealthy
    case stalled
    case contested
    case inconclusive
    case refused
    /// The difference is in a field that can only be set at creation.
    case needsRecreate = "needs recreate"
  }

  /// Whether a hold for this reason needs a user to act and was not chosen by a user.
  package var needsPerson: Bool { code.needsPerson }
}

extension Reason.Code {
  /// The reason as shown to users. Programs read the raw value, which does not change.
  package var text: String {
    switch self {
    case .askedFor: "requested"
    case .wentBack: "earlier config"
    default: rawValue
    }
  }

  /// Whether an endpoint is held because of its held config, whose failure explains it.
  package var isOfHeldConfig: Bool { self == .quarantined || self == .stalled || self == .rolledBack }

  /// See ``Reason/needsPerson``.
  package var needsPerson: Bool {
    switch self {
    case .conflict, .quarantined, .unhealthy, .stalled, .contested, .inconclusive, .refused, .needsRecreate,
      .massDeletion:
      true
    default: false
    }
  }
}

/// One step. Each step is idempotent.
package enum Step: Hashable, Sendable {
  /// Apply the change to this endpoint's memory and persist it before anything else.
  case record(MemoryChange)
  /// Make the call, then record ``MemoryChange/received(_:_:at:)``.
  case call(Operation)
  /// Run the checks against each entity, then record ``MemoryChange/verified(_:checksDigest:at:)``.
  case verify(VerificationRequest)
  /// Ask the registry whether every version of the config still exists and can be served, then record
  /// ``MemoryChange/checkedTarget(_:)``; if the registry cannot tell, without a problem.
  case checkTarget(Rollout)
  /// Check again after this time.
  case wait(Duration)
  /// Do nothing until something changes.
  case rest
}

/// The checks that a new version must pass before it is considered good.
package struct VerificationRequest: Hashable, Sendable {
  package let endpoint: String
  /// The live names of the served entities.
  package let entities: [String]
  package let checks: [VerificationCheck]
  package let checksDigest: ConfigDigest
}
