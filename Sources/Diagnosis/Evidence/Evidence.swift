/// What is known of an endpoint at one time: its state, its last requests, and what its engines report. A value; what
/// could not be looked at is nil, and named in ``unknown``.
package struct Evidence: Hashable, Sendable {
  /// Where it comes from.
  package enum Source: Hashable, Sendable { case plane, workspace }

  /// The endpoint's name.
  package var endpoint: String
  package var source: Source
  /// What could not be looked at, and why: one phrase each.
  package var unknown: [String] = []
  /// Whether every entity that serves can answer requests, or is asleep.
  package var isReady = true
  /// Nil if no config is being rolled out and the last rollout succeeded.
  package var update: UpdateEvidence?
  /// How long the endpoint's last start of a replica took; nil if unknown.
  package var usualStart: Duration?
  /// The served entities of the active config, then those of the config that is being rolled out or failed.
  package var entities: [EntityEvidence] = []
  /// The replicas that ended by themselves in the last ``window``, newest first.
  package var failures: [FailureEvidence] = []
  package var settings = SettingsEvidence()
  /// Nil if unknown, as in a workspace.
  package var load: LoadEvidence?
  /// Nil if unknown, or if the machine's room is not limited.
  package var room: RoomEvidence?
  /// The requests of the last ``window``.
  package var requests: RequestEvidence?
  /// One for each replica that reported metrics in the last ``window``.
  package var engines: [EngineEvidence] = []
  /// The last lines of the engines' logs that are warnings or worse, newest first.
  package var lines: [LogEvidence] = []
  /// The telemetry rows that were dropped since the plane started; nil if unknown.
  package var dropped: DropEvidence?
  /// How far back requests, failures and engines' figures go.
  package var window: Duration

  package init(endpoint: String, source: Source = .plane, window: Duration = .seconds(900)) {
    self.endpoint = endpoint
    self.source = source
    self.window = window
  }

  /// The entities that answer requests.
  var serving: [EntityEvidence] { entities.filter { !$0.isPending } }

  /// Whether any replica can answer requests.
  var serves: Bool { serving.contains { $0.ready > 0 } }
}

/// The limits that an endpoint's requests are under; nil where the provider does not say.
package struct SettingsEvidence: Hashable, Sendable {
  /// How many requests may wait, and for how long.
  package var queueLength: Int?
  package var queueWait: Duration?
  /// How many requests a replica takes at once, if that is set.
  package var concurrency: Int?
  /// How long the endpoint is idle before it is scaled to zero.
  package var idleAfter: Duration?
  /// The number of rate limits.
  package var rateLimits = 0

  package init() {}
}

/// The requests that are there now.
package struct LoadEvidence: Hashable, Sendable {
  /// Requests that wait for a replica, and requests at replicas.
  package var waiting: Int
  package var inFlight: Int
  /// How long there has been no request; nil while there is one.
  package var idleFor: Duration?

  package init(waiting: Int = 0, inFlight: Int = 0, idleFor: Duration? = nil) {
    self.waiting = waiting
    self.inFlight = inFlight
    self.idleFor = idleFor
  }
}

/// The machine's room: its GPUs, or its slots for replicas.
package struct RoomEvidence: Hashable, Sendable {
  /// How many GPUs or slots there are, and how many of them are free.
  package var total: Int
  package var free: Int
  /// What they are: `GPU` or `slot`.
  package var unit: String

  package init(total: Int, free: Int, unit: String) {
    self.total = total
    self.free = free
    self.unit = unit
  }
}

/// The outcome of the last change of an endpoint's config.
package struct UpdateEvidence: Hashable, Sendable {
  /// Whether the rollout ended without success.
  package var hasFailed: Bool
  /// The config version that is being rolled out, or was.
  package var version: Int64?
  /// The entity that failed, and why.
  package var entity: String?
  package var reason: String?
  /// How long the rollout has lasted; nil if it is over.
  package var runningFor: Duration?

  package init(hasFailed: Bool, version: Int64? = nil, entity: String? = nil, reason: String? = nil) {
    self.hasFailed = hasFailed
    self.version = version
    self.entity = entity
    self.reason = reason
  }
}

/// A line of an engine's log.
package struct LogEvidence: Hashable, Sendable {
  /// OpenTelemetry's number: 13 warning, 17 error, 21 fatal.
  package var severity: Int
  package var text: String
  package var replica: String?

  package init(severity: Int, text: String, replica: String? = nil) {
    self.severity = severity
    self.text = text
    self.replica = replica
  }
}

/// Telemetry that was not recorded.
package struct DropEvidence: Hashable, Sendable {
  package var rows: Int
  /// Why, with the number of rows of each cause: `disk full: 12`.
  package var causes: [String]
  /// The message of the last failed write.
  package var lastFailure: String?

  package init(rows: Int, causes: [String] = [], lastFailure: String? = nil) {
    self.rows = rows
    self.causes = causes
    self.lastFailure = lastFailure
  }
}
