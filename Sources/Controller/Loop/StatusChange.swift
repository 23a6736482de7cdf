internal import History
internal import Planning

/// What a change of an endpoint's status means to people. Pure.
struct StatusChange {
  let status: EndpointStatus
  /// Whether people were told of something that is not over yet.
  let wasInTrouble: Bool

  init(to status: EndpointStatus, wasInTrouble: Bool) {
    self.status = status
    self.wasInTrouble = wasInTrouble
  }

  var isInTrouble: Bool {
    if needsPerson || isRollback || status.reason == .drift { return true }
    return wasInTrouble && status.phase != .inSync
  }

  /// It goes back because something failed or somebody asked for it; a manifest that went back is a change like any other.
  var isRollback: Bool { status.phase == .rollingBack && status.reason != .wentBack }

  /// What cannot be read, at the source or the provider, is told once for the whole fleet and not of each endpoint; and so is
  /// a deletion of many.
  private var needsPerson: Bool {
    status.needsPerson && status.reason != .blocked && status.reason != .massDeletion
  }

  /// What is to be written down beside the events that a change of memory brings with it.
  var event: (what: String, why: String)? {
    if let reason = status.reason, needsPerson { return ("\(status.phase.words) (\(reason.rawValue))", status.why) }
    if isRecovery { return ("recovered", status.live ?? "") }
    if status.phase == .withheld, status.reason == .drift { return ("drifted", status.why) }
    return nil
  }

  /// Whom to wake, and with which words.
  var notice: (kind: Notice.Kind, what: String)? {
    if isRollback {
      return (.rollback, status.reason == .askedFor ? "is moving to the chosen revision" : "is being rolled back")
    }
    if needsPerson {
      return (.failure, status.reason == .quarantined ? "failed and is held" : "needs attention")
    }
    if status.reason == .drift { return (.drift, "was changed outside Setpoint") }
    if isRecovery { return (.recovery, "recovered") }
    return nil
  }

  private var isRecovery: Bool { wasInTrouble && status.phase == .inSync }
}
