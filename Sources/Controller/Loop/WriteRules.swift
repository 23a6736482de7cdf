package import Planning

/// What a controller lets happen now, beside what a decision says. Pure.
package struct WriteRules: Sendable {
  package let mode: ControllerOptions.Mode
  package let windows: [ChangeWindow]
  /// Why everything is paused, in a person's words; nil: it is not.
  package let pause: String?
  /// Why nothing may be deleted now; nil: what a decision deletes may go.
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

  /// Why a step is not taken now, and until when.
  package struct Withholding: Hashable, Sendable {
    package let why: String
    /// The same as a word, where that says more than the decision's own reason.
    package let code: Reason.Code?
    /// When to check again; nil: at the next interval.
    package let until: Timestamp?

    package init(_ why: String, _ code: Reason.Code? = nil, until: Timestamp? = nil) {
      self.why = why
      self.code = code
      self.until = until
    }
  }

  /// Why the decision's next step is not taken; nil: it may be.
  package func withholding(_ decision: Decision, now: Timestamp) -> Withholding? {
    switch decision.next {
    // To ask a registry changes nothing.
    case .wait, .rest, .checkTarget: return nil
    case .record, .call, .verify: break
    }
    if mode == .observe {
      return Withholding("the controller is in observe mode; it would \(Self.words(decision))")
    }
    if let pause { return Withholding("the controller is paused: \(pause)") }
    // What is made again at once does not count as deleted.
    if case .call(.delete) = decision.next, decision.action == .delete, let deletionsBlocked {
      return deletionsBlocked
    }
    if Self.isChange(decision), !windows.isEmpty, !windows.contains(where: { $0.isOpen(at: now) }) {
      let opening = windows.compactMap { $0.nextOpening(after: now) }.min()
      return Withholding("outside the change windows; the controller will \(Self.words(decision))", until: opening)
    }
    return nil
  }

  /// Whether the step begins or sends a change for which a window has to be open. Rollbacks and creations happen at any
  /// time, and so does everything that judges what was sent, the mark of what is held included.
  private static func isChange(_ decision: Decision) -> Bool {
    if decision.action == .rollback || decision.action == .create { return false }
    // A window that closes leaves no rollout in the middle of its steps: what follows the first belongs to it.
    if decision.reason.code == .promoting { return false }
    switch decision.next {
    case .record(.opened), .record(.found), .call(.updateConfig), .call(.delete), .call(.changeSetting): return true
    case .call(.patchTags(_, let patch)):
      return patch.add.keys.contains { $0 != FleetTags.held } || !patch.remove.isEmpty
    case .record, .call(.create), .verify, .checkTarget, .wait, .rest: return false
    }
  }

  private static func words(_ decision: Decision) -> String {
    switch decision.action {
    case .create: "create it"
    case .update where decision.reason.code == .needsRecreate: "recreate it"
    case .update: decision.reason.code == .drift ? "revert it: \(decision.reason.detail)" : "update it"
    case .rollback: decision.reason.code == .wentBack ? "follow the manifest to its previous config" : "roll it back"
    case .delete: "delete it"
    case .adopt: "adopt it"
    case .hold: "record the hold"
    case .none: "record the observed state"
    }
  }
}
