package import Planning

/// What a controller says of its fleet: the whole, and each endpoint.
package struct FleetStatus: Hashable, Sendable {
  package let fleet: String
  /// The provider's address.
  package let target: String
  /// When the controller last looked after the fleet; nil: never.
  package let lastSync: Timestamp?
  package let report: FleetReport
  /// By name.
  package let endpoints: [EndpointStatus]
  /// Whether a process holds the fleet's lease; nil: that cannot be told, or nobody looked.
  package let isControllerRunning: Bool?

  package init(
    fleet: String, target: String, lastSync: Timestamp?, report: FleetReport = FleetReport(),
    endpoints: [EndpointStatus], isControllerRunning: Bool? = nil
  ) {
    self.fleet = fleet
    self.target = target
    self.lastSync = lastSync
    self.report = report
    self.endpoints = endpoints
    self.isControllerRunning = isControllerRunning
  }

  /// How many endpoints are in each phase; phases without any are left out.
  package var counts: [Phase: Int] { endpoints.reduce(into: [:]) { $0[$1.phase, default: 0] += 1 } }

  /// Whether a controller manages the fleet now, as far as is known, so that what it said is so.
  package func isCurrent(at now: Timestamp) -> Bool {
    report.stoppedAt == nil && isControllerRunning != false && !isStale(at: now)
  }

  /// Whether the controller has not been heard of for so long that what it said may no longer be so.
  package func isStale(at now: Timestamp) -> Bool {
    guard let lastSync else { return true }
    return now - lastSync > max(.seconds(180), (report.interval ?? .seconds(60)) * 3)
  }
}

/// What a controller says beside its endpoints.
package struct FleetReport: Hashable, Sendable {
  /// How often it looks.
  package let interval: Duration?
  /// The source's commit.
  package let commit: String?
  /// What keeps it from looking after the whole fleet, in words: a source that cannot be read, a pause, a lost lease.
  package let problems: [String]
  /// When it was asked to stop; nil: it was not.
  package let stoppedAt: Timestamp?

  package init(
    interval: Duration? = nil, commit: String? = nil, problems: [String] = [], stoppedAt: Timestamp? = nil
  ) {
    self.interval = interval
    self.commit = commit
    self.problems = problems
    self.stoppedAt = stoppedAt
  }
}

/// A fleet at a provider.
package struct FleetKey: Hashable, Sendable {
  /// The provider's address.
  package let host: String
  package let name: String

  package init(host: String, name: String) {
    self.host = host
    self.name = name
  }
}
