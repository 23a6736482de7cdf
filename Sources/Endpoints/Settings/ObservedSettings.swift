/// A live endpoint's settings besides its config and tags.
package struct ObservedSettings: Hashable, Sendable {
  package var gateway: GatewaySettings?
  package var notifications: NotificationSettings?
  package var telemetry: ObservedTelemetry?
  package var description: String?
  package var routeOptimized: Bool
  /// The ID of the budget policy in force, whoever chose it.
  package var effectiveBudgetPolicy: String?
  /// The access; nil if it was not queried.
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

  /// Whether no settings are set.
  package var isEmpty: Bool { self == ObservedSettings() }
}

/// Telemetry as a provider reports it: a profile instead of the configured tables (serving-api.md Q21).
package struct ObservedTelemetry: Hashable, Sendable {
  package let profileID: String?
  package let samplingFraction: Double?
  /// The logs table; reported by some servers only.
  package let logsTable: String?

  package init(profileID: String? = nil, samplingFraction: Double? = nil, logsTable: String? = nil) {
    self.profileID = profileID
    self.samplingFraction = samplingFraction
    self.logsTable = logsTable
  }
}

/// An endpoint's access as a provider reports it.
package struct ObservedAccess: Hashable, Sendable {
  /// The grants on the endpoint itself, by principal. Inherited permissions are not managed and are omitted
  /// (serving-api.md Q25).
  package let grants: [Grant]
  /// The owner of the token; nil if the provider does not report it.
  package let caller: Principal?
  /// Why the grants could not be read and are unknown; nil if they were read.
  package let problem: String?

  package init(grants: [Grant] = [], caller: Principal? = nil, problem: String? = nil) {
    self.grants = grants.sorted()
    self.caller = caller?.folded
    self.problem = problem
  }
}
