internal import Planning

/// What a command was asked to do with an endpoint, which decides by what word its end goes.
enum Undertaking: Hashable, Sendable {
  /// What the plan says.
  case plan
  case retry
  case rollback(RollbackGoal)

  var isRollback: Bool { if case .rollback = self { true } else { false } }

  /// As something that is being done; nil where the action says it.
  var doing: String? {
    switch self {
    case .plan, .retry: nil
    case .rollback(let goal): "\(goal.isNewer ? "restoring" : "rolling back to") revision \(goal.revision)"
    }
  }

  /// As something that has been done, in a word for programs; nil where the action says it.
  var outcome: String? {
    switch self {
    case .plan: nil
    case .retry: "retried"
    case .rollback(let goal): goal.isNewer ? "restored" : "rolled back"
    }
  }

  /// The same for people.
  var done: String? {
    switch self {
    case .plan, .retry: outcome
    case .rollback(let goal): "\(goal.isNewer ? "restored" : "rolled back to") revision \(goal.revision)"
    }
  }
}
