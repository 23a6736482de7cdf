/// What was seen and read of a rollout while it ran. A server may show none of it once the rollout has failed: the
/// pending config may be gone (serving-api.md 2.2), and logs follow the active config (serving-api.md Q63).
package struct RolloutEvidence: Hashable, Sendable {
  /// By served entity name.
  package var entities: [String: Entity]

  package init(entities: [String: Entity] = [:]) { self.entities = entities }

  package struct Entity: Hashable, Sendable {
    /// The server's last word on its deployment; empty where it had none.
    package var message: String
    /// The last lines of how its environment was built, oldest first.
    package var buildLog: [String]
    /// The last lines of its model server, oldest first.
    package var serverLog: [String]

    package init(message: String = "", buildLog: [String] = [], serverLog: [String] = []) {
      self.message = message
      self.buildLog = buildLog
      self.serverLog = serverLog
    }
  }

  /// The tails that there are, each under a title, such as `hello-3, server log`.
  package var tails: [(title: String, lines: [String])] {
    entities.sorted { $0.key < $1.key }.flatMap { name, entity in
      [("\(name), build log", entity.buildLog), ("\(name), server log", entity.serverLog)]
    }.filter { !$0.1.isEmpty }.map { (title: $0.0, lines: $0.1) }
  }
}
