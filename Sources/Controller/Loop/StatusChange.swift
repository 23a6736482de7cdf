internal import History
internal import Planning

/// The meaning of a status change for people. Pure.
struct StatusChange {
  let status: EndpointStatus
  /// Whether a problem was reported that is not over yet.
  let wasInTrouble: Bool
  /// The reason of the previous status; nil: there was none.
  let formerReason: Reason.Code?

  init(to status: EndpointStatus, wasInTrouble: Bool, formerReason: Reason.Code? = nil) {
    self.status = status
    self.wasInTrouble = wasInTrouble
    self.formerReason = formerReason
  }

  var isInTrouble: Bool {
    if needsPerson || isRollback || status.reason == .drift { return true }
    return wasInTrouble && status.phase != .inSync
  }

  private var isRollback: Bool { status.phase == .rollingBack }

  /// What is reported when the rollback is sent.
  var rollbackText: String {
    status.reason == .askedFor ? "is moving to the chosen revision" : "is being rolled back"
  }

  /// A source or a provider that cannot be read, and a mass deletion, are reported once for the whole fleet and not for
  /// each endpoint.
  private var needsPerson: Bool {
    status.needsPerson && status.reason != .blocked && status.reason != .massDeletion
  }

  /// The event to record in addition to those that a change of memory causes.
  var event: (what: String, why: String)? {
    if let reason = status.reason, needsPerson { return ("\(status.phase.text) (\(reason.rawValue))", status.why) }
    // The adoption has its own event.
    let isAdopted = formerReason == .conflict || formerReason == .adoption
    if isRecovery, !isAdopted { return ("recovered", status.live ?? "") }
    if status.phase == .withheld, status.reason == .drift { return ("drifted", status.why) }
    return nil
  }

  /// The notification to post, except that of a rollback, which does not depend on the status alone.
  var notification: (kind: FleetNotification.Kind, what: String)? {
    if needsPerson {
      return (.failure, status.reason == .quarantined ? "failed and is held" : "needs attention")
    }
    if status.reason == .drift { return (.drift, "was changed outside Setpoint") }
    if isRecovery { return (.recovery, "recovered") }
    return nil
  }

  private var isRecovery: Bool { wasInTrouble && status.phase == .inSync }
}
