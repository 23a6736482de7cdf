package import Planning

/// The controller's own rules for what may happen now, in addition to a decision. Pure.
package struct WriteRules: Sendable {
  package let mode: ControllerOptions.Mode
  package let windows: [ChangeWindow]
  /// Why the controller is paused, in the user's words; nil: it is not.
  package let pause: String?
  /// Why nothing may be deleted now; nil: deletions are allowed.
  package let deletionsBlocked: Withholding?

  package init(
    mode: ControllerOptions.Mode, windows: [ChangeWindow] = [], pause: String? = nil,
    deletionsBlocked: Withholding? = nil
  ) {
    self.mode = mode
    self.windows = windows
    self.pause = pause
    self.deletionsBlocked = deletionsBlocked
  }

  /// Why a step is withheld, and until when.
  package struct Withholding: Hashable, Sendable {
    package let why: String
    /// The reason code, if it is more specific than the decision's own.
    package let code: Reason.Code?
    /// When to check again; nil: at the next interval.
    package let until: Timestamp?

    package init(_ why: String, _ code: Reason.Code? = nil, until: Timestamp? = nil) {
      self.why = why
      self.code = code
      self.until = until
    }
  }

  /// Returns why the decision's next step is withheld; nil: it is not.
  package func withholding(_ decision: Decision, now: Timestamp) -> Withholding? {
    switch decision.next {
    // Querying a registry changes nothing.
    case .wait, .rest, .checkTarget: return nil
    case .record, .call, .verify: break
    }
    if mode == .observe {
      return Withholding("the controller is in observe mode; it would \(Self.text(decision))")
    }
    if let pause { return Withholding("the controller is paused: \(pause)") }
    // An endpoint that is recreated immediately does not count as deleted.
    if case .call(.delete) = decision.next, decision.action == .delete, let deletionsBlocked {
      return deletionsBlocked
    }
    if Self.isChange(decision), !windows.isEmpty, !windows.contains(where: { $0.isOpen(at: now) }) {
      let opening = windows.compactMap { $0.nextOpening(after: now) }.min()
      return Withholding("outside the change windows; the controller will \(Self.text(decision))", until: opening)
    }
    return nil
  }

  /// Whether the step starts or sends a change that requires an open window. Rollbacks and creations are always
  /// allowed, and so is everything that judges what was sent, including the tag of a held config.
  private static func isChange(_ decision: Decision) -> Bool {
    if decision.action == .rollback || decision.action == .create { return false }
    // A closing window does not interrupt a rollout between its steps: all steps belong to the first.
    if decision.reason.code == .promoting { return false }
    switch decision.next {
    case .record(.opened), .record(.found), .call(.updateConfig), .call(.delete), .call(.changeSetting): return true
    case .call(.patchTags(_, let patch)):
      return patch.add.keys.contains { $0 != FleetTags.held } || !patch.remove.isEmpty
    case .record, .call(.create), .verify, .checkTarget, .wait, .rest: return false
    }
  }

  private static func text(_ decision: Decision) -> String {
    switch decision.action {
    case .create: "create it"
    case .update where decision.reason.code == .needsRecreate: "recreate it"
    case .update: decision.reason.code == .drift ? "revert it: \(decision.reason.detail)" : "update it"
    case .rollback: decision.reason.code == .wentBack ? "update it to an earlier config" : "roll it back"
    case .delete: "delete it"
    case .adopt: "adopt it"
    case .hold: "record the hold"
    case .none: "record the observed state"
    }
  }
}
