internal import Controller
internal import Endpoints
internal import History
internal import Planning

/// `status --forget`: removes a fleet without a controller from the state directory.
struct FleetRemoval {
  let name: String
  let filter: FleetFilter
  let state: StateOptions

  func run() async throws {
    let directory = try state.directory
    let reading = try state.readHistory()
    let host = try await filter.address(in: reading)
    let known = try await reading.fleets()
    let meant = known.filter { $0.name == name && (host == nil || $0.host == host) }
    guard let fleet = meant.first else {
      throw ErrorReport(
        "fleet \"\(name)\" not found in the state directory \(directory.path)",
        next: known.isEmpty ? "use another directory with --state DIR" : Self.next(name, known))
    }
    guard meant.count == 1 else {
      throw ErrorReport(
        "fleet \"\(name)\" exists at \(meant.map(\.host).joined(separator: " and at "))",
        next: "choose one with --host URL")
    }
    try await forget(fleet, in: directory)
  }

  /// Returns what to do about a fleet that is not among the known ones.
  static func next(_ name: String?, _ known: [FleetKey]) -> String {
    let there = known.map { "\($0.name) at \($0.host)" }
    return KnownNames.next(
      [name].compactMap(\.self), among: known.map(\.name), otherwise: Choices.advice(there))
  }

  /// A running controller would record the fleet again a second later.
  private func forget(_ fleet: FleetKey, in directory: StateDirectory) async throws {
    let now = CommandContext.current.now
    let lease = FileLease(
      directory: directory.path, provider: fleet.host, fleet: fleet.name,
      now: { Timestamp(milliseconds: now()) })
    guard try await lease.acquire() else {
      throw ErrorReport(
        "a controller manages fleet \"\(fleet.name)\" at \(fleet.host)",
        why: await lease.holder.map { "the lease is held by \($0)" },
        next: "stop it first; a fleet with a running controller cannot be forgotten")
    }
    let count: Int
    do {
      count = try await HistoryStore.open(in: directory).forget(fleet)
    } catch {
      await lease.release()
      throw error
    }
    await lease.release()
    try CommandContext.current.console.result(
      "forgot fleet \(fleet.name) at \(fleet.host), with the status of \(count) endpoint\(count == 1 ? "" : "s"); "
        + "its endpoints and their revisions were not changed"
    )
  }
}
