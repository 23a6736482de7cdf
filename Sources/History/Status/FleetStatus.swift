package import Planning

/// A controller's report on its fleet: the whole, and each endpoint.
package struct FleetStatus: Hashable, Sendable {
  package let fleet: String
  /// The provider's URL.
  package let target: String
  /// The controller's last heartbeat in a stored status, or its last sync of the source in a live one; nil: never.
  package let lastSync: Timestamp?
  package let report: FleetReport
  /// By name.
  package let endpoints: [EndpointStatus]
  /// Whether a process holds the fleet's lease; nil: unknown, or not checked.
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

  /// The number of endpoints in each phase; phases without endpoints are omitted.
  package var counts: [Phase: Int] { endpoints.reduce(into: [:]) { $0[$1.phase, default: 0] += 1 } }

  /// Returns whether a controller manages the fleet now, as far as is known, so that the report is current.
  package func isCurrent(at now: Timestamp) -> Bool {
    report.stoppedAt == nil && isControllerRunning != false && !isStale(at: now)
  }

  /// Returns whether the last report is so old that it may no longer be true.
  package func isStale(at now: Timestamp) -> Bool {
    guard let lastSync else { return true }
    return now - lastSync > max(.seconds(180), (report.interval ?? .seconds(60)) * 3)
  }
}

extension FleetStatus {
  /// Returns the status without next steps if no controller would take them, as far as is known.
  package func withoutIdleSteps(at now: Timestamp) -> FleetStatus {
    guard !isCurrent(at: now) else { return self }
    return FleetStatus(
      fleet: fleet, target: target, lastSync: lastSync, report: report, endpoints: endpoints.map(\.withoutNext),
      isControllerRunning: isControllerRunning)
  }

  /// Returns the status with these endpoints reported as deleted since the controller's last report on them. Whatever
  /// was held or wrong ended with the endpoint.
  package func deleting(_ deletions: [String: Timestamp]) -> FleetStatus {
    guard !deletions.isEmpty else { return self }
    return FleetStatus(
      fleet: fleet, target: target, lastSync: lastSync, report: report,
      endpoints: endpoints.map { status in deletions[status.name].map { status.deleted(at: $0) } ?? status },
      isControllerRunning: isControllerRunning)
  }
}

/// A controller's report on the fleet as a whole.
package struct FleetReport: Hashable, Sendable {
  /// The controller's interval between checks.
  package let interval: Duration?
  /// The source's commit.
  package let commit: String?
  /// What prevents it from managing the whole fleet, as text: a source that cannot be read, a pause, a lost lease.
  package let problems: [String]
  /// When it was told to stop; nil: it was not.
  package let stoppedAt: Timestamp?
  /// `enforce` or `observe`; nil: unknown.
  package let mode: String?
  /// The arguments of `setpoint run` that start it again; empty: unknown.
  package let startArguments: [String]

  package init(
    interval: Duration? = nil, commit: String? = nil, problems: [String] = [], stoppedAt: Timestamp? = nil,
    mode: String? = nil, startArguments: [String] = []
  ) {
    self.interval = interval
    self.commit = commit
    self.problems = problems
    self.stoppedAt = stoppedAt
    self.mode = mode
    self.startArguments = startArguments
  }
}

/// The identity of a fleet at a provider.
package struct FleetKey: Hashable, Sendable {
  /// The provider's URL.
  package let host: String
  package let name: String

  package init(host: String, name: String) {
    self.host = host
    self.name = name
  }
}
