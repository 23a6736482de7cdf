internal import Controller
internal import ControllerKit
internal import Endpoints
internal import History
internal import Planning
internal import TestKit

extension ControllerHarness {
  /// Everything about these endpoints that has to be the same whatever failed on the way, one line each.
  func ending(of names: [String]) async throws -> [String] {
    let statuses = Dictionary(
      await controller.fleetStatus.endpoints.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    var lines: [String] = []
    for name in names {
      let live = environment.workspace.endpoint(name)
      lines.append(
        "\(name) live: "
          + "\(live?.active.map { "\($0.config.summary()), \(live.map { "\($0.update)" } ?? "")" } ?? "none")")
      lines.append("\(name) tags: \((live?.tags ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })")
      lines.append(
        "\(name) gateway: \(live?.settings?.gateway.map { "\($0)" } ?? "none"), "
          + "notifications: \(live?.settings?.notifications.map { "\($0)" } ?? "none")")
      let status = statuses[name].map { "\($0.phase) \($0.reason?.rawValue ?? "")" }
      lines.append("\(name) status: \(status ?? "none")")
      let memory = try await environment.history.memory(of: environment.reconciler().key(name)).memory
      for revision in memory.revisions {
        lines.append(
          "\(name) revision \(revision.number): \(revision.digest) \(revision.outcome.word), "
            + "\(revision.isGood ? "good" : "not good"), \(revision.sourceCommit ?? "")")
      }
      lines.append(
        "\(name) memory: \(memory.attempt == nil ? "no attempt" : "an attempt"), "
          + "\(memory.heldWhileAbsent == nil ? "not held" : "held")")
    }
    return lines
  }

  /// The difference between two endings, in words: what is missing, and what is there instead.
  static func difference(_ found: [String], from wanted: [String]) -> [String] {
    let (known, seen) = (Set(wanted), Set(found))
    return wanted.filter { !seen.contains($0) }.map { "missing: \($0)" }
      + found.filter { !known.contains($0) }.map { "instead: \($0)" }
  }
}
