internal import CanonicalJSON
internal import History
internal import Planning

/// Events of many endpoints, one line each.
enum EventText {
  /// Returns `2026-01-01T00:00:00Z  support-chat  revision 3 failed: broken weights  commit 1a2b3c4`.
  static func line(_ event: RecordedEvent, nameWidth: Int, showsHost: Bool, palette: Palette) -> String {
    let time = palette.paint(event.event.at.text(), .muted)
    let subject = palette.paint(self.subject(event, showsHost: showsHost).padded(to: nameWidth), .strong)
    let text = text(event.event).split(whereSeparator: \.isNewline).joined(separator: " ")
    let commit = event.event.sourceCommit.map { palette.paint("  commit \(StatusText.short($0))", .muted) } ?? ""
    return "\(time)  \(subject)  \(text)\(commit)"
  }

  /// Returns what happened, and why. A list shows only the last line of a log; "setpoint describe" shows all of it.
  static func text(_ event: HistoryEvent) -> String {
    let why = event.isLogTail ? event.why.split(whereSeparator: \.isNewline).last.map(String.init) ?? "" : event.why
    return why.isEmpty ? event.what : "\(event.what): \(why)"
  }

  /// Returns the subject of the event: an endpoint's name, or the fleet's.
  static func subject(_ event: RecordedEvent, showsHost: Bool) -> String {
    let name = event.endpoint ?? "fleet \(event.fleet ?? "-")"
    return showsHost ? "\(name) at \(event.host)" : name
  }

  static func json(_ event: RecordedEvent) -> JSONValue {
    var members = EventTable.json(event.event).objectValue ?? [:]
    members["id"] = .int(event.id)
    members["target"] = .string(event.host)
    if let endpoint = event.endpoint { members["endpoint"] = .string(endpoint) }
    if let fleet = event.fleet { members["fleet"] = .string(fleet) }
    return .object(members)
  }
}
