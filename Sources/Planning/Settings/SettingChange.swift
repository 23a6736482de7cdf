internal import CanonicalJSON
package import Endpoints
internal import LibCrypto

/// One call that changes a side setting in place.
package enum SettingChange: Hashable, Sendable {
  /// Replaces the whole block: omitted settings are removed.
  case gateway(GatewaySettings)
  /// Sets both lists of addresses.
  case notifications(NotificationSettings)
  /// Sets telemetry; nil removes it.
  case telemetry(TelemetrySettings?)
  /// Adds or changes grants; others stay. The Permissions API takes the endpoint's ID, not its name.
  case grant(endpointID: String, [Grant])
  /// Replaces all direct grants.
  case setAccess(endpointID: String, [Grant])

  package var kind: Operation.Kind {
    switch self {
    case .gateway: .gateway
    case .notifications: .notifications
    case .telemetry: .telemetry
    case .grant, .setAccess: .access
    }
  }

  /// Returns the call as written in the serving API.
  func call(on name: String) -> String {
    switch self {
    case .gateway: "PUT /api/2.0/serving-endpoints/\(name)/ai-gateway"
    case .notifications: "PATCH /api/2.0/serving-endpoints/\(name)/notifications"
    case .telemetry: "PATCH /api/2.0/serving-endpoints/\(name)/telemetry-config"
    case .grant(let id, _): "PATCH /api/2.0/permissions/serving-endpoints/\(id)"
    case .setAccess(let id, _): "PUT /api/2.0/permissions/serving-endpoints/\(id)"
    }
  }

  /// The setting in messages.
  package var subject: String {
    switch self {
    case .gateway: "the AI gateway"
    case .notifications: "the notifications"
    case .telemetry: "the telemetry"
    case .grant, .setAccess: "the grants"
    }
  }

  /// The identity of the call's content: a failure of other content does not delay this one.
  package var digest: ConfigDigest { ConfigDigest(SHA256.hash(json.bytes())) }

  private var json: JSONValue {
    switch self {
    case .gateway(let gateway): ["gateway": gateway.content]
    case .notifications(let addresses):
      [
        "success": .array(addresses.onUpdateSuccess.map { .string($0) }),
        "failure": .array(addresses.onUpdateFailure.map { .string($0) }),
      ]
    case .telemetry(let telemetry): ["telemetry": .string(telemetry?.digest.hex ?? "none")]
    case .grant(let id, let grants): ["grant": .array(grants.map(\.content)), "id": .string(id)]
    case .setAccess(let id, let grants): ["access": .array(grants.map(\.content)), "id": .string(id)]
    }
  }
}

/// The settings in the call that creates an endpoint, besides config and tags.
package struct CreateCallSettings: Hashable, Sendable {
  package var creation: CreationSettings
  package var gateway: GatewaySettings?
  package var notifications: NotificationSettings?

  package init(
    creation: CreationSettings = CreationSettings(), gateway: GatewaySettings? = nil,
    notifications: NotificationSettings? = nil
  ) {
    self.creation = creation
    self.gateway = gateway
    self.notifications = notifications
  }

  /// Creates the call's settings from a manifest's. Telemetry and access follow when the endpoint has settled.
  init(_ settings: SideSettings) {
    self.init(
      creation: settings.creation, gateway: settings.gateway,
      notifications: settings.notifications.flatMap { $0.isEmpty ? nil : $0 })
  }

  package var isEmpty: Bool { self == CreateCallSettings() }

  /// The content as it enters a digest.
  var content: JSONValue {
    var members: [String: JSONValue] = [:]
    if let text = creation.description { members["description"] = .string(text) }
    if let policy = creation.budgetPolicy { members["budgetPolicy"] = .string(policy) }
    if let isOptimized = creation.routeOptimized { members["routeOptimized"] = .bool(isOptimized) }
    if let gateway { members["gateway"] = gateway.content }
    if let notifications {
      members["onUpdateSuccess"] = .array(notifications.onUpdateSuccess.map { .string($0) })
      members["onUpdateFailure"] = .array(notifications.onUpdateFailure.map { .string($0) })
    }
    return .object(members)
  }
}

extension GatewaySettings {
  fileprivate var content: JSONValue {
    var members: [String: JSONValue] = ["other": .object(other)]
    if let rateLimits { members["rateLimits"] = .array(rateLimits.map(\.content)) }
    if let usageTracking { members["usageTracking"] = .bool(usageTracking) }
    if let table = inferenceTable {
      members["inferenceTable"] = .array([
        .string(table.catalog), .string(table.schema), table.tableNamePrefix.map { .string($0) } ?? .null,
        .bool(table.enabled),
      ])
    }
    return .object(members)
  }
}

extension RateLimit {
  fileprivate var content: JSONValue {
    .array([
      .string(key), principal.map { .string($0) } ?? .null, calls.map { .int($0) } ?? .null,
      tokens.map { .int($0) } ?? .null, .string(renewalPeriod),
    ])
  }
}

extension Grant {
  fileprivate var content: JSONValue { .array([.string(principal.description), .string(level.manifestWord)]) }
}
