internal import CanonicalJSON
internal import Controller
internal import Planning

/// The result of executing a plan.
struct ApplyReport: Sendable {
  private let target: String
  private let outcomes: [EndpointOutcome]
  private let unchanged: Int
  private let blockedDeletions: String?
  let isInterrupted: Bool

  /// - Parameter isPlanShown: whether the plan, with its reasons, is read together with this report.
  init(plan: Plan, results: [ConvergenceResult], isPlanShown: Bool = false) {
    target = plan.target
    let planned = Dictionary(plan.changes.map { ($0.endpoint, $0) }, uniquingKeysWith: { one, _ in one })
    let walked = results.map { result in
      let change = planned[result.name]
      let action = change.map { $0.action.shown(for: $0.reason.code) }
      // An update that ended in sync may have been rolled back in between; the last observation no longer shows it.
      let isHeld = action == .hold || action == PlanAction.none
      return EndpointOutcome(
        result, lastAction: isHeld ? result.rolledOut : action,
        planned: action == .hold && change?.reason.code == .blocked && result.calls.isEmpty ? change : nil)
    }
    let names = Set(walked.map(\.endpoint))
    let held = plan.changes.filter { $0.action == .hold && !names.contains($0.endpoint) }
      .map { EndpointOutcome($0, isShown: isPlanShown) }
    outcomes = (walked + held).sorted { $0.endpoint < $1.endpoint }
    unchanged = max(0, plan.unchanged - walked.count { planned[$0.endpoint] == nil })
    blockedDeletions = plan.blockedDeletions
    isInterrupted = results.contains { if case .interrupted = $0.ending { true } else { false } }
  }

  /// Whether everything requested was done.
  var isSuccess: Bool { blockedDeletions == nil && outcomes.allSatisfy(\.isSuccess) }

  func lines(_ palette: Palette) -> [String] {
    var lines: [String] = []
    for outcome in outcomes {
      lines += outcome.lines(palette)
    }
    if let blockedDeletions { lines.append(palette.paint("nothing was deleted: \(blockedDeletions)", .warning)) }
    return lines + [summary]
  }

  private var summary: String {
    guard !outcomes.isEmpty || blockedDeletions != nil else {
      return unchanged == 1
        ? "No changes: 1 endpoint is in sync." : "No changes: \(unchanged) endpoints are in sync."
    }
    var counts: [(String, Int)] = []
    for outcome in outcomes {
      let held = outcome.isRolledBack ? "rolled back and held" : "held"
      let word = outcome.done.map(\.done) ?? (outcome.word.hasPrefix("hold") ? held : outcome.word)
      if let index = counts.firstIndex(where: { $0.0 == word }) {
        counts[index].1 += 1
      } else {
        counts.append((word, 1))
      }
    }
    return (counts.map { "\($0.1) \($0.0)" } + ["\(unchanged) unchanged"]).joined(separator: ", ") + "."
  }

  func json(_ suggestions: SuggestedCommands) -> JSONValue {
    var members: [String: JSONValue] = [
      "kind": "ApplyResult", "target": .string(target), "succeeded": .bool(isSuccess),
      "unchanged": .int(Int64(unchanged)), "results": .array(outcomes.map { $0.json(suggestions) }),
    ]
    if let blockedDeletions { members["blockedDeletions"] = .string(blockedDeletions) }
    return suggestions.completed(.object(members))
  }
}

extension ConvergenceResult {
  /// The action that was executed although the plan held the endpoint, as after a version was registered; nil: none.
  fileprivate var rolledOut: PlanAction? {
    if calls.contains(where: { $0.hasPrefix("POST ") }) { return .create }
    return calls.contains { $0.hasSuffix("/config") } ? .update : nil
  }
}

extension EndpointOutcome {
  /// Returns the outcome and the reason, then what to do next. Further lines of the reason are indented deeper than our
  /// own.
  func lines(_ palette: Palette) -> [String] {
    let why = why.split(whereSeparator: \.isNewline)
    let title = palette.paint(title, isSuccess ? .good : .failed)
    // The duration is shown for executed actions; a failure's message contains its own times.
    let time = done != nil && seconds > 0 ? " (\(TimeText.span(seconds: seconds)))" : ""
    var lines = ["\(palette.paint(endpoint, .strong)): \(title)\(time)" + (why.first.map { ": \($0)" } ?? "")]
    lines += why.dropFirst().map { "      \($0)" }
    if let next { lines.append("    next: \(next)") }
    return lines
  }

  /// Returns the outcome as a document, as a command that changes one endpoint prints it.
  func document(_ kind: String, _ suggestions: SuggestedCommands) -> JSONValue {
    var members = json(suggestions).objectValue ?? [:]
    members["kind"] = .string(kind)
    return .object(members)
  }

  func json(_ suggestions: SuggestedCommands) -> JSONValue {
    var members: [String: JSONValue] = [
      "endpoint": .string(endpoint), "outcome": .string(word), "succeeded": .bool(isSuccess),
      "calls": .array(calls.map { .string($0) }),
    ]
    if !why.isEmpty { members["why"] = .string(why) }
    if let next { members["next"] = .string(next) }
    return suggestions.completed(.object(members))
  }
}
