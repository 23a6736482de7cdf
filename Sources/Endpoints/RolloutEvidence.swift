/// Messages and logs collected during a rollout. A server may no longer show them once the rollout has failed: the
/// pending config may be gone (serving-api.md 2.2), and logs follow the active config (serving-api.md Q63).
package struct RolloutEvidence: Hashable, Sendable {
  /// The evidence by served entity name.
  package var entities: [String: Entity]

  package init(entities: [String: Entity] = [:]) { self.entities = entities }

  package struct Entity: Hashable, Sendable {
    /// The server's last message about the deployment; empty if there was none.
    package var message: String
    /// The last lines of the build log, oldest first.
    package var buildLog: [String]
    /// The last lines of the model server's log, oldest first.
    package var serverLog: [String]

    package init(message: String = "", buildLog: [String] = [], serverLog: [String] = []) {
      self.message = message
      self.buildLog = buildLog
      self.serverLog = serverLog
    }
  }

  /// The non-empty log tails, each with a title such as `hello-3, server log`.
  package var tails: [(title: String, lines: [String])] {
    entities.sorted { $0.key < $1.key }.flatMap { name, entity in
      [("\(name), build log", entity.buildLog), ("\(name), server log", entity.serverLog)]
    }.filter { !$0.1.isEmpty }.map { (title: $0.0, lines: $0.1) }
  }
}
