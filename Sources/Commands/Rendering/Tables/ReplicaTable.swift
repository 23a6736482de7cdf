internal import Durations
internal import ServingAPI

/// The table of a plane's replicas in `describe`.
enum ReplicaTable {
  /// The replicas that have not ended: each with its phase, since when, and how long the phases of its start took.
  static func table(_ replicas: [WireReplica], now: Int64) -> Table {
    var table = Table(["REPLICA", "VERSION", "PHASE", "SINCE", "START"])
    for replica in replicas where !replica.isOver {
      let since = replica.since.map { "\(TimeText.instant($0)) (\(TimeText.age(milliseconds: now &- $0)) ago)" }
      table.append([
        Table.Cell(replica.id), Table.Cell("\(replica.entityName ?? "-")/\(replica.entityVersion ?? "-")"),
        Table.Cell(replica.phase), Table.Cell(since ?? "-"), Table.Cell(start(replica)),
      ])
    }
    return table
  }

  /// Returns `38s: starting 4s, loading weights 25s, warming 9s`; without the sum while the replica starts.
  private static func start(_ replica: WireReplica) -> String {
    let phases = replica.start ?? []
    let finished = phases.compactMap { phase in phase.milliseconds.map { (name: phase.phase, milliseconds: $0) } }
    guard !finished.isEmpty else { return "-" }
    let times = DurationParts(milliseconds: finished.map(\.milliseconds))
    let words = zip(finished, times.parts).map { "\($0.name) \($1)" }.joined(separator: ", ")
    return finished.count == phases.count ? "\(times.sum): \(words)" : words
  }
}
