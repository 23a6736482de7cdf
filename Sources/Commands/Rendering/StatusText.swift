internal import Endpoints
package import History
package import Planning

/// A fleet's status as text: a summary, problems that stop the controller, its endpoints with those that need attention
/// first, and what to do about them.
package enum StatusText {
  package static func lines(
    _ status: FleetStatus, now: Timestamp, isWide: Bool = false, palette: Palette = .plain
  ) -> [String] {
    var lines = [headline(status, palette), looking(status, now)]
    if let trouble = silence(status, now) { lines.append(palette.paint(trouble, .warning)) }
    for problem in status.report.problems { lines += indented(problem, after: palette.paint("problem: ", .warning)) }
    guard !status.endpoints.isEmpty else { return lines }
    lines.append("")
    lines += table(status, now, isWide: isWide).lines(palette)
    let sorted = status.endpoints.sorted(by: precedes)
    // One suggestion for all endpoints without a manifest, or with the same truncated command: there may be many.
    func group(_ endpoint: EndpointStatus) -> String? {
      if endpoint.reason == .massDeletion || endpoint.staysWithoutManifest { return endpoint.reason?.rawValue }
      return !isWide && isCommandCut(endpoint) ? endpoint.why : nil
    }
    let groups = Dictionary(grouping: sorted.filter { group($0) != nil }, by: group)
    let steps = sorted.compactMap { endpoint -> String? in
      let alike = group(endpoint).flatMap { groups[$0] } ?? []
      guard alike.isEmpty || alike.first?.name == endpoint.name else { return nil }
      return step(endpoint, and: max(0, alike.count - 1), isControlled: status.isCurrent(at: now), isWide: isWide)
    }
    return steps.isEmpty ? lines : lines + [""] + steps
  }

  /// Whether nothing needs attention.
  package static func isHealthy(_ status: FleetStatus, now: Timestamp) -> Bool {
    status.report.problems.isEmpty && silence(status, now) == nil && !status.endpoints.contains(where: \.needsPerson)
  }

  /// `fleet support at https://…: 14 endpoints: 12 in sync, 1 updating, 1 held`.
  private static func headline(_ status: FleetStatus, _ palette: Palette) -> String {
    let fleet = palette.paint("fleet \(status.fleet)", .strong) + " at \(status.target)"
    let count = status.endpoints.count
    guard count > 0 else { return "\(fleet): no endpoints" }
    let counts = status.counts
    let phases = Phase.inOrderOfInterest.reversed().compactMap { phase in
      counts[phase].map { palette.paint("\($0) \(phase.text)", phase.style) }
    }
    return "\(fleet): \(count) endpoint\(count == 1 ? "" : "s"): \(phases.joined(separator: ", "))"
  }

  private static func looking(_ status: FleetStatus, _ now: Timestamp) -> String {
    guard let last = status.lastSync else { return "the controller has not checked yet" }
    var words = "checked \(age(last, now)) ago"
    if let commit = status.report.commit { words += " at commit \(short(commit))" }
    if let interval = status.report.interval, status.report.stoppedAt == nil,
      status.isControllerRunning != false
    {
      words += ", checks every \(TimeText.span(seconds: interval.components.seconds))"
    }
    // An observing controller changes nothing; the default mode is not shown.
    if let mode = status.report.mode, mode != "enforce" { words += ", mode: \(mode)" }
    return words
  }

  /// Why the status may be stale; nil: it is current.
  static func silence(_ status: FleetStatus, _ now: Timestamp) -> String? {
    if let stopped = status.report.stoppedAt {
      return "the controller stopped \(age(stopped, now)) ago: \(restart(status))"
    }
    if status.isControllerRunning == false {
      let last = status.lastSync.map { "; last heartbeat \(age($0, now)) ago" } ?? ""
      return
        "the controller is not running: no process holds the lease of fleet \(status.fleet)\(last); \(restart(status))"
    }
    guard let last = status.lastSync, status.isStale(at: now) else { return nil }
    return "no heartbeat for \(age(last, now)), so this status may be stale; check that \"setpoint run\" is running"
  }

  private static func restart(_ status: FleetStatus) -> String {
    let given = status.report.startArguments.isEmpty ? ["-f", "DIR"] : status.report.startArguments
    let fleet = given.contains("--fleet") ? [] : ["--fleet", status.fleet]
    let command = ShellWord.line(["setpoint", "run"] + given + fleet)
    return "nothing is reconciled until it is started again, with \"\(command)\""
  }

  // MARK: - Endpoints

  private static func table(_ status: FleetStatus, _ now: Timestamp, isWide: Bool) -> Table {
    var table = Table(
      isWide
        ? ["NAME", "PHASE", "REASON", "SINCE", "DESIRED", "LIVE", "COMMIT", "CHECKED", "NEXT", "WHY"]
        : ["NAME", "PHASE", "SINCE", "DESIRED", "LIVE", "NEXT", "WHY"])
    for endpoint in status.endpoints.sorted(by: precedes) {
      let step = Table.Cell(next(endpoint, of: status, now) ?? "-")
      let cells: [Table.Cell] = [
        Table.Cell(endpoint.name), Table.Cell(endpoint.standing, endpoint.phase.style),
        Table.Cell(age(endpoint.since, now)), Table.Cell(endpoint.desired ?? "-"), Table.Cell(live(endpoint)),
      ]
      guard isWide else {
        table.append(cells + [step, Table.Cell(shortened(whyWithWarnings(endpoint)))])
        continue
      }
      var wide = cells
      wide.insert(Table.Cell(endpoint.reason?.rawValue ?? "-"), at: 2)
      table.append(
        wide + [
          Table.Cell(endpoint.commit.map(short) ?? "-"), Table.Cell(checked(endpoint, of: status, now)), step,
          Table.Cell(whyWithWarnings(endpoint)),
        ])
    }
    return table
  }

  /// Sorts endpoints that need attention first, and those in sync last.
  private static func precedes(_ one: EndpointStatus, _ other: EndpointStatus) -> Bool {
    let ranks = [one, other].map { $0.needsPerson ? -1 : $0.phase.rank }
    return ranks[0] == ranks[1] ? one.name < other.name : ranks[0] < ranks[1]
  }

  /// Returns the live model; `the same` if nothing differs from the desired state, or `differs in engine` if only
  /// something besides the model and the hardware does.
  private static func live(_ endpoint: EndpointStatus) -> String {
    guard let live = endpoint.live else { return "-" }
    guard endpoint.differences.isEmpty else {
      let more = endpoint.differences.count - mostDifferences
      return "differs in " + endpoint.differences.prefix(mostDifferences).joined(separator: ", ")
        + (more > 0 ? " and \(more) more" : "")
    }
    return live == endpoint.desired.map(withoutAliases) ? "the same" : live
  }

  private static let mostDifferences = 3

  /// Returns the text without the ` (@champion)` that only a manifest knows.
  private static func withoutAliases(_ text: String) -> String {
    var parts = text.split(separator: " (@", omittingEmptySubsequences: false)
    for index in parts.indices.dropFirst() { parts[index] = parts[index].drop { $0 != ")" }.dropFirst() }
    return parts.joined()
  }

  /// Returns the next step and its time; nil if the endpoint has none, or if no controller would take it.
  static func next(_ endpoint: EndpointStatus, of fleet: FleetStatus, _ now: Timestamp) -> String? {
    guard fleet.isCurrent(at: now) else { return nil }
    guard let step = endpoint.next, let span = interval(since: endpoint.nextAt, of: fleet, now) else {
      return next(endpoint, now)
    }
    return "\(step) within \(span)"
  }

  /// Returns when the endpoint was last checked.
  private static func checked(_ endpoint: EndpointStatus, of fleet: FleetStatus, _ now: Timestamp) -> String {
    guard fleet.isCurrent(at: now), let span = interval(since: endpoint.nextAt, of: fleet, now) else {
      return age(endpoint.lastCheck, now)
    }
    return "<\(span)"
  }

  /// Returns the interval within which an endpoint is checked if its recorded next check is over; nil: recorded times
  /// are exact. A check that changes nothing is not recorded.
  private static func interval(since nextAt: Timestamp?, of fleet: FleetStatus, _ now: Timestamp) -> String? {
    // A check takes some time, and is recorded up to a second later.
    guard let interval = fleet.report.interval, let nextAt, nextAt + .seconds(5) < now else { return nil }
    return TimeText.span(seconds: interval.components.seconds)
  }

  /// Returns the next step and its time: `check again in 42s`, `verify now`.
  package static func next(_ endpoint: EndpointStatus, _ now: Timestamp) -> String? {
    guard let next = endpoint.next else { return nil }
    guard let at = endpoint.nextAt else { return next }
    return at <= now ? "\(next) now" : "\(next) in \(age(now, at))"
  }

  private static func whyWithWarnings(_ endpoint: EndpointStatus) -> String {
    ([endpoint.why.clause] + endpoint.warnings.map { "warning: \($0.clause)" }).filter { !$0.isEmpty }.joined(
      separator: "; ")
  }

  /// Returns what the user can do about an endpoint that needs attention, and what happens to one that was deleted.
  ///
  /// - Parameters:
  ///   - others: the number of other endpoints that it applies to.
  ///   - isControlled: whether a controller is running.
  ///   - isWide: whether the table shows the whole reason.
  private static func step(
    _ endpoint: EndpointStatus, and others: Int, isControlled: Bool, isWide: Bool
  ) -> String? {
    if endpoint.isDeleted {
      return isControlled
        ? "\(endpoint.name): the endpoint does not exist; if its manifest is still in the source, the controller creates "
          + "it at its next check"
        : "\(endpoint.name): the endpoint does not exist; \"setpoint apply -f ...\" creates it, and so does the "
          + "controller once it is started, unless its manifest is removed"
    }
    if endpoint.staysWithoutManifest, others > 0 {
      return "\(endpoint.name) and \(others) more: \"setpoint delete NAME\" deletes an endpoint that is not needed"
    }
    let isCut = !isWide && isCommandCut(endpoint)
    guard endpoint.needsPerson || endpoint.staysWithoutManifest || isCut else { return nil }
    // The table shows the reason shortened; what to do is printed in full here.
    let known = endpoint.reason.flatMap { Reason($0, $0 == .conflict ? endpoint.why : "").next(for: endpoint.name) }
    let rest = isCut ? endpoint.why.clause : "\"setpoint describe \(endpoint.name)\" shows more"
    return "\(endpoint.name)\(others > 0 ? " and \(others) more" : ""): \(known ?? rest)"
  }

  /// Whether the table shows a reason without the command that it suggests, or with a part of it.
  private static func isCommandCut(_ endpoint: EndpointStatus) -> Bool {
    let why = endpoint.why.clause
    guard let command = why.firstRange(of: "\"setpoint "), let end = why[command.upperBound...].firstIndex(of: "\"")
    else { return false }
    return !shortened(whyWithWarnings(endpoint)).hasPrefix(why[...end])
  }

  private static func age(_ earlier: Timestamp, _ later: Timestamp) -> String {
    TimeText.age(milliseconds: later.milliseconds - earlier.milliseconds)
  }

  static func short(_ commit: String) -> String { String(commit.prefix(7)) }

  /// Shortens a text for a table, which is for finding an endpoint; `describe` shows all of it.
  static func shortened(_ text: String) -> String {
    guard text.count > 80 else { return text }
    let start = text.prefix(79)
    // A truncated word, such as an option's name, would be read as another.
    let words = text.dropFirst(79).first == " " ? start : start[..<(start.lastIndex(of: " ") ?? start.endIndex)]
    return "\(words.count < 50 ? start : words)…"
  }

  private static func indented(_ text: String, after label: String) -> [String] {
    text.split(whereSeparator: \.isNewline).enumerated().map { ($0 == 0 ? label : "         ") + $1 }
  }
}

extension EndpointStatus {
  /// Whether it has no manifest and is not pruned.
  var staysWithoutManifest: Bool { reason == .pruningOff || reason == .notRecordedHere }
}

extension Phase {
  /// The phases, most important first.
  static let inOrderOfInterest: [Phase] = [
    .blocked, .held, .degraded, .rollingBack, .creating, .updating, .deleting, .adopting, .withheld, .unknown, .inSync,
  ]

  fileprivate var rank: Int { Self.inOrderOfInterest.firstIndex(of: self) ?? 0 }

  var style: TextStyle? {
    switch self {
    case .inSync: .good
    case .creating, .updating, .adopting: .changed
    case .deleting, .rollingBack, .held, .withheld, .degraded: .warning
    case .blocked: .failed
    case .unknown: .muted
    }
  }
}
