internal import CanonicalJSON
internal import Endpoints
internal import History
internal import Planning

/// What is recorded about one endpoint, for `describe` if its live state is not available.
struct RecordedDescription {
  let name: String
  let target: String
  let recorded: RecordedMemory
  let events: [HistoryEvent]
  /// The last reports of controllers about it.
  let statuses: [(fleet: FleetStatus, status: EndpointStatus)]
  let now: Timestamp

  /// Whether nothing is recorded.
  var isEmpty: Bool { recorded.version == 0 && statuses.isEmpty }

  func lines(_ palette: Palette) -> [String] {
    let fields = [
      ("Name", palette.paint(name, .strong)), ("Target", target), ("State", "not available; the last records follow"),
    ]
    var sections = [fields.map { "\("\($0.0):".padded(to: 11))\($0.1)" }]
    sections += statuses.map { ControllerText.lines($0.fleet, $0.status, now: now, palette) }
    for (title, table) in [("Revisions", RevisionTable.table(recorded)), ("Events", EventTable.table(events))]
    where !table.isEmpty {
      sections.append([palette.paint(title, .strong)] + table.lines(palette).map { "  \($0)" })
    }
    return Array(sections.joined(separator: [""]))
  }

  /// The JSON of `describe` without the provider's response.
  func json(_ suggestions: SuggestedCommands) -> JSONValue {
    [
      "kind": "EndpointDescription", "target": .string(target), "name": .string(name), "endpoint": .null,
      "revisions": .array(recorded.memory.revisions.map { RevisionTable.json($0, recorded) }),
      "events": .array(events.map(EventTable.json)),
      "controllers": suggestions.completed(ControllerText.json(statuses, now: now)),
    ]
  }
}
