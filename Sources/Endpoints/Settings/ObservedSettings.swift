/// What an endpoint has beside its config and tags.
package struct ObservedSettings: Hashable, Sendable {
  package var gateway: GatewaySettings?
  package var notifications: NotificationSettings?
  package var telemetry: ObservedTelemetry?
  package var description: String?
  package var routeOptimized: Bool
  /// The id of the budget policy in force, whoever chose it.
  package var effectiveBudgetPolicy: String?
  /// Nil: not asked for in this look.
  package var access: ObservedAccess?

  package init(
    gateway: GatewaySettings? = nil, notifications: NotificationSettings? = nil, telemetry: ObservedTelemetry? = nil,
    description: String? = nil, routeOptimized: Bool = false, effectiveBudgetPolicy: String? = nil,
    access: ObservedAccess? = nil
  ) {
    self.gateway = gateway
    self.notifications = notifications
    self.telemetry = telemetry
    self.description = description
    self.routeOptimized = routeOptimized
    self.effectiveBudgetPolicy = effectiveBudgetPolicy
    self.access = access
  }

  /// Whether nothing special is there.
  package var isEmpty: Bool { self == ObservedSettings() }
}

/// What a provider tells of telemetry: a profile instead of the tables it was given (serving-api.md Q21).
package struct ObservedTelemetry: Hashable, Sendable {
  package let profileID: String?
  package let samplingFraction: Double?
  /// Told by some servers only.
  package let logsTable: String?

  package init(profileID: String? = nil, samplingFraction: Double? = nil, logsTable: String? = nil) {
    self.profileID = profileID
    self.samplingFraction = samplingFraction
    self.logsTable = logsTable
  }
}

/// What a provider tells of an endpoint's access.
package struct ObservedAccess: Hashable, Sendable {
  /// What was granted on the endpoint itself, by principal. Inherited rights are not ours and left out
  /// (serving-api.md Q25).
  package let grants: [Grant]
  /// Whose token it is; nil where the provider does not say.
  package let caller: Principal?
  /// Why the grants could not be read; they are then not known.
  package let problem: String?

  package init(grants: [Grant] = [], caller: Principal? = nil, problem: String? = nil) {
    self.grants = grants.sorted()
    self.caller = caller?.folded
    self.problem = problem
  }
}
