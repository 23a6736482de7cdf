package import Endpoints

/// What to do about one endpoint: what a person is told, and the one next step.
///
/// A shell observes, decides, performs the step, records what came of it, and begins again. A call is made at most once
/// per decision, so that every call rests on a fresh look at the world, and a crash between any two steps is harmless.
package struct Decision: Hashable, Sendable {
  package var action: PlanAction
  package var reason: Reason
  /// The config to be at; nil where none is known or wanted.
  package let target: Rollout?
  /// Every tag that differs from what it is to be.
  package var tagPatch: TagPatch
  /// What differs in the other side settings, in the manifest's own terms.
  package var settingFields: [FieldChange] = []
  /// What stands in the way at present, such as an update under way.
  package let blockedBy: String?
  /// The one next step.
  package var next: Step
  /// Set when the endpoint is not well, or not moving: for the Degraded condition. Why, in words.
  package var degraded: String?
  /// What a person should know beside it.
  package var warnings: [String]
  /// Every call that carrying it out takes from here on, as far as can be told, in order.
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

  /// Nothing more happens by itself: all is in sync, or a person has to look.
  package var isSettled: Bool { action == .none || action == .hold }
}

/// What a plan says of an endpoint.
package enum PlanAction: String, Hashable, Sendable, CaseIterable {
  case create, update, rollback, delete, adopt, hold, none
}

/// Why, in a closed vocabulary, with a sentence for people.
package struct Reason: Hashable, Sendable {
  package let code: Code
  /// May be empty.
  package let detail: String

  package init(_ code: Code, _ detail: String = "") {
    self.code = code
    self.detail = detail
  }

  /// The raw value is what machines read in the plan.
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
    /// More of the fleet would be deleted than may be without being asked.
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
    /// What differs can be set at creation only.
    case needsRecreate = "needs recreate"
  }

  /// Whether a hold for this reason waits for a person, and is more than what a person chose.
  package var needsPerson: Bool { code.needsPerson }
}

extension Reason.Code {
  /// As ``Reason/needsPerson``.
  package var needsPerson: Bool {
    switch self {
    case .conflict, .quarantined, .unhealthy, .stalled, .contested, .inconclusive, .refused, .needsRecreate,
      .massDeletion:
      true
    default: false
    }
  }
}

/// One step; each is idempotent.
package enum Step: Hashable, Sendable {
  /// Apply the change to this endpoint's memory and persist it before anything else.
  case record(MemoryChange)
  /// Make the call, then record ``MemoryChange/received(_:_:at:)``.
  case call(Operation)
  /// Ask each entity the checks, then record ``MemoryChange/verified(_:checksDigest:at:)``.
  case verify(VerificationRequest)
  /// Ask the registry whether every version of the config still exists and can be served, then record
  /// ``MemoryChange/checkedTarget(_:)``; where nobody can tell, without a problem.
  case checkTarget(Rollout)
  /// Look again after this time.
  case wait(Duration)
  /// Nothing, until something changes.
  case rest
}

/// What to ask of a new version before it is called good.
package struct VerificationRequest: Hashable, Sendable {
  package let endpoint: String
  /// The live names of the served entities.
  package let entities: [String]
  package let checks: [VerificationCheck]
  package let checksDigest: ConfigDigest
}
