package import Endpoints

/// One endpoint's entry in a plan.
package struct EndpointChange: Hashable, Sendable {
  package let endpoint: String
  package let action: PlanAction
  package let reason: Reason
  /// The differences; for a hold, the changes that are withheld.
  package let fields: [FieldChange]
  /// The differences that do not count.
  package let ignored: [IgnoredDifference]
  /// The calls that the change requires, as far as is known.
  package let operations: [Operation]
  package let blockedBy: String?
  package let degraded: String?
  package let warnings: [String]
  /// The endpoint's state when the change was planned; nil if it could not be read.
  package let base: Attempt.Base?
  /// The rollout in progress that the change continues; nil if nothing was sent yet.
  package var sent: SentRollout?
  /// What a serving plane says about the config that the change sends; nil if it was not asked, or did not answer.
  package var forecast: RolloutForecast?

  /// Whether the endpoint exists but has no active config, as after a creation that failed.
  package var isWithoutConfig: Bool { if case .present(_, nil, _, _) = base { true } else { false } }

  /// What the change does to what is serving now, in a sentence; empty if nothing is done, or if that is not known.
  package var consequence: String {
    switch action {
    case .create:
      if let forecast, forecast.refusal != nil || forecast.room == .wait, let effect = forecast.effect { return effect }
      return "new replicas start; nothing that is serving changes"
    case .delete: return "the endpoint, its URL and its grants are removed"
    case .hold, .none: return ""
    case .update, .rollback, .adopt:
      if let refused = forecast?.refusedEffect { return refused }
      let effect = fields.map(\.effect).max() ?? .none
      let isTrafficOnly = effect == .inPlace && fields.contains { $0.path.hasSuffix(".traffic") }
      switch effect {
      case .none: return action == .adopt ? "only tags the endpoint as part of this fleet" : ""
      case .inPlace: return isTrafficOnly ? "traffic only: no replica is restarted" : "in place: nothing is restarted"
      case .rolling:
        if let effect = forecast?.effect { return effect }
        if isWithoutConfig { return "new replicas start; nothing is serving at present" }
        // What becomes of the replicas depends on the update in progress, or is not known to the plane either.
        if forecast != nil || blockedBy != nil { return "" }
        return "new replicas start beside the old ones; traffic switches when they are ready"
      case .recreate: return "the endpoint is deleted and recreated; it is unavailable in the meantime"
      }
    }
  }
}
