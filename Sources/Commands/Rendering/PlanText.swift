internal import Endpoints
package import Planning

/// A plan as text: for each endpoint the action and its reason, the fields, the effect on what is serving, and the
/// calls; then a summary line.
package enum PlanText {
  /// - Parameters:
  ///   - remarks: additional lines by endpoint, such as the provider's message for a failure that led to a hold.
  ///   - explain: also lists ignored differences.
  package static func lines(
    _ plan: Plan, palette: Palette = .plain, remarks: [String: [String]] = [:], explain: Bool = false
  ) -> [String] {
    var lines: [String] = []
    for change in plan.changes {
      lines += self.lines(change, palette, remarks: remarks[change.endpoint] ?? [], explain: explain) + [""]
    }
    if let blocked = plan.blockedDeletions { lines += [palette.paint("nothing is deleted: \(blocked)", .warning), ""] }
    return lines + [summary(plan)]
  }

  /// Returns a summary such as `1 to update, 1 held, 3 unchanged`.
  package static func summary(_ plan: Plan) -> String {
    let shown = plan.changes.map { $0.action.shown(for: $0.reason.code) }
    let counts = PlanAction.allCases.filter { $0 != .none }
      .map { action in (action, shown.count { $0 == action }) }.filter { $0.1 > 0 }
    guard !counts.isEmpty else {
      return plan.unchanged == 1
        ? "No changes: 1 endpoint is in sync." : "No changes: \(plan.unchanged) endpoints are in sync."
    }
    let words = counts.map { $0.0 == .hold ? "\($0.1) held" : "\($0.1) to \($0.0.verb)" }
    return (words + ["\(plan.unchanged) unchanged"]).joined(separator: ", ") + "."
  }

  /// Returns a short title for an endpoint: `update (spec changed)`, `hold (quarantined)`.
  package static func headline(_ action: PlanAction, _ reason: Reason) -> String {
    "\(action.shown(for: reason.code).rawValue) (\(reason.code.text))"
  }

  private static func lines(
    _ change: EndpointChange, _ palette: Palette, remarks: [String], explain: Bool
  ) -> [String] {
    let action = change.action.shown(for: change.reason.code)
    let mark = palette.paint(action.mark, action.style)
    let name = palette.paint(change.endpoint, .strong)
    var lines = ["\(mark) \(name): \(palette.paint(headline(action, change.reason), action.style))"]
    lines += indented(change.reason.detail, label: "")
    for remark in remarks { lines += indented(remark, label: "") }
    if change.liftsHold, !change.reason.detail.contains("hold is lifted") { lines.append("    the hold is lifted") }
    if change.action == .hold, !change.fields.isEmpty { lines.append("    withheld:") }
    // A new endpoint has no previous values.
    let isNew = change.action == .create || change.base == .absent || change.isWithoutConfig
    let showsEffects = !isNew && change.action != .hold && change.forecast?.room != .kept
    lines += fields(change.fields, palette, isNew: isNew, showsEffects: showsEffects)
    if !change.consequence.isEmpty { lines.append("    effect: \(change.consequence)") }
    lines += indented(change.blockedBy ?? "", label: "waits for: ")
    if let degraded = change.degraded, !change.reason.detail.contains(degraded) {
      lines += indented(degraded, label: "degraded: ")
    }
    for warning in change.warnings { lines += indented(warning, label: palette.paint("warning:", .warning) + " ") }
    if let sent = change.sent {
      let words = "\(sent.call) for revision \(sent.revision), at \(sent.at.text())"
      lines.append(palette.paint("    sent: \(words)", .muted))
    }
    lines += calls(change.operations).map { palette.paint("    calls: \($0)", .muted) }
    if let next = next(change) { lines.append("    next: \(next)") }
    if explain {
      lines += change.ignored.map { palette.paint("    ignored: \($0.path) is \($0.live) live: \($0.why)", .muted) }
    }
    return lines
  }

  /// Returns the calls in order; a call that is repeated, as in a rollout with steps, is listed once.
  private static func calls(_ operations: [Operation]) -> [String] {
    var calls: [(call: String, times: Int)] = []
    for operation in operations {
      if calls.last?.call == operation.call {
        calls[calls.count - 1].times += 1
      } else {
        calls.append((operation.call, 1))
      }
    }
    return calls.map { $0.times == 1 ? $0.call : "\($0.call), \($0.times) times" }
  }

  private static func fields(_ fields: [FieldChange], _ palette: Palette, isNew: Bool, showsEffects: Bool) -> [String] {
    let width = fields.map { Printable.line($0.path).count }.max() ?? 0
    return fields.map { field in
      let path = Printable.line(field.path).padded(to: width)
      let values =
        switch (field.from.map(Printable.line), field.to.map(Printable.line)) {
        case (nil, let to): (isNew ? "" : "(none) → ") + palette.paint(to ?? "", .created)
        case (let from?, nil): palette.paint("\(from) → (removed)", .removed)
        case (let from?, let to?): "\(from) → \(palette.paint(to, .changed))"
        }
      return "    \(path)  \(values)"
        + (!showsEffects || field.effect == .none ? "" : palette.paint("  [\(field.effect.rawValue)]", .muted))
    }
  }

  /// Returns what the user can do about a hold that needs a user, or the next step of a rollout in progress.
  private static func next(_ change: EndpointChange) -> String? {
    change.action == .hold ? change.reason.next(for: change.endpoint) : change.sent?.next
  }

  /// Indents further lines of other systems' texts deeper than any line of a plan, so that they cannot pass for one.
  private static func indented(_ text: String, label: String) -> [String] {
    text.split(whereSeparator: \.isNewline).enumerated().map { ($0 == 0 ? "    \(label)" : "      ") + $1 }
  }
}

extension Reason {
  /// Returns what the user can do about a decision for this reason; nil if there is nothing to do, or if the reason says
  /// it.
  func next(for endpoint: String) -> String? {
    if detail.contains("setpoint retry") { return nil }
    switch code {
    case .quarantined, .inconclusive, .refused:
      return "change the manifest, or retry with \"setpoint retry \(endpoint)\""
    case .stalled:
      return "\"setpoint describe \(endpoint)\" shows what failed; \"setpoint retry \(endpoint)\" retries"
    case .rolledBack: return "change the manifest, or lift the hold with \"setpoint retry \(endpoint)\""
    case .conflict:
      // Some details say themselves that --adopt is not possible.
      guard detail.hasSuffix("--adopt takes it over") else { return nil }
      let adoption = "adopt it with \"setpoint apply -f ... --adopt\""
      guard detail.hasPrefix("it belongs to fleet "), let owner = detail.split(separator: "\"").dropFirst().first
      else { return adoption }
      return "\(adoption), or add --fleet \(ShellWord.quoted(String(owner))) to act for that fleet"
    case .contested: return "find out what else changes it; \"setpoint retry \(endpoint)\" reverts it again"
    case .massDeletion:
      return "check that the removal from the source is intended, then start \"setpoint run\" with --allow-mass-delete"
    case .pruningOff, .notRecordedHere: return "\"setpoint delete \(endpoint)\" deletes it"
    case .unhealthy: return "\"setpoint describe \(endpoint)\" and \"setpoint logs \(endpoint)\" show why"
    default: return nil
    }
  }
}

extension PlanAction {
  package var mark: String {
    switch self {
    case .create: "+"
    case .update: "~"
    case .rollback: "<"
    case .delete: "-"
    case .adopt: "@"
    case .hold: "!"
    case .none: "="
    }
  }

  var style: TextStyle? {
    switch self {
    case .create: .created
    case .update, .adopt: .changed
    case .rollback, .hold: .warning
    case .delete: .removed
    case .none: nil
    }
  }

  fileprivate var verb: String { self == .rollback ? "roll back" : rawValue }
}
