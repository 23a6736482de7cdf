/// What is known of a served entity.
package struct EntityEvidence: Hashable, Sendable {
  /// Whether it is scaled to zero, or being woken.
  package enum Sleep: Hashable, Sendable { case asleep, waking }

  /// The served entity's name.
  package var name: String
  /// The registered model and the version in the registry.
  package var model: String
  package var version: String
  /// The percentage of the endpoint's traffic.
  package var share = 100
  /// Whether it belongs to a config that is being rolled out or has failed, and answers no requests.
  package var isPending = false
  /// How many replicas it should have now, and how many can answer requests.
  package var wanted = 1
  package var ready = 0
  /// How many of its replicas are starting.
  package var starting = 0
  /// Nil if it is awake.
  package var sleep: Sleep?
  /// Whether a replica of it waits for a free GPU or slot.
  package var isWaitingForRoom = false
  /// How much of its model has arrived; nil if it is not being downloaded.
  package var download: String?
  /// The phase of its replica that is closest to ready, such as `loading weights`, and how long that has lasted.
  package var startPhase: String?
  package var startingFor: Duration?
  /// Why its last replica failed; nil if none has failed since one was last ready.
  package var failure: FailureEvidence?
  /// The provider's state and message, such as `DEPLOYMENT_FAILED`.
  package var state = ""
  package var message = ""

  package init(name: String, model: String, version: String) {
    self.name = name
    self.model = model
    self.version = version
  }

  /// For messages: `main (hello/3)`.
  var label: String { "\(name) (\(model)/\(version))" }
}

/// Why a replica ended by itself, or did not start.
package struct FailureEvidence: Hashable, Sendable {
  /// The served entity; nil if it is no longer part of the endpoint.
  package var entity: String?
  /// The replica's ID; nil if unknown.
  package var replica: String?
  /// The cause's stable name; nil if it has none.
  package var code: String?
  /// What happened, in plain words.
  package var explanation: String
  /// The line of the log that says so.
  package var line: String?
  /// Whether it had answered requests before.
  package var wasReady = false
  /// How long ago it was.
  package var ago: Duration?
  /// How many failures in a row there were.
  package var count = 1
  /// When the next start is due; nil if none is planned, or at once.
  package var retryIn: Duration?
  /// Whether another start cannot help.
  package var isPermanent = false

  package init(_ explanation: String, code: String? = nil, line: String? = nil) {
    self.explanation = explanation
    self.code = code
    self.line = line
  }
}
