internal import Planning

/// The request of a command for an endpoint, which determines how its outcome is named.
enum RequestedChange: Hashable, Sendable {
  /// What the plan says.
  case plan
  case retry
  case rollback(RollbackGoal)

  var isRollback: Bool { if case .rollback = self { true } else { false } }

  /// The request in progress; nil if the action says it.
  var doing: String? {
    switch self {
    case .plan, .retry: nil
    case .rollback(let goal): "\(goal.isNewer ? "restoring" : "rolling back to") revision \(goal.revision)"
    }
  }

  /// The completed request, in a word for programs; nil if the action says it.
  var outcome: String? {
    switch self {
    case .plan: nil
    case .retry: "retried"
    case .rollback(let goal): goal.isNewer ? "restored" : "rolled back"
    }
  }

  /// The completed request, for people.
  var done: String? {
    switch self {
    case .plan, .retry: outcome
    case .rollback(let goal): "\(goal.isNewer ? "restored" : "rolled back to") revision \(goal.revision)"
    }
  }
}
