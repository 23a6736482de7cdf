import CanonicalJSON
import Gateway
import HTTPSupport
import Scheduling
import ServingAPI
import Telemetry

/// The settings of an endpoint beside its config: none of them changes a replica. Each is as it was set.
struct EndpointSettings: Hashable, Sendable {
  /// `ai_gateway` (serving-api.md E7).
  var gateway: JSONValue?
  /// `email_notifications` (E9).
  var notifications: JSONValue?
  /// `telemetry_config` (E10).
  var telemetry: JSONValue?
  /// The permissions that were granted on the endpoint itself.
  var access: [EndpointGrant] = []
}

extension EndpointSettings {
  /// What the gateway applies to queries.
  var querySettings: QuerySettings {
    let block = WireGateway(gateway)
    let telemetry = WireTelemetry(telemetry)
    var settings = QuerySettings()
    settings.rateLimits = Self.rateLimits(block?.rateLimits ?? [])
    let fraction = telemetry?.sampling?.fraction
    let isRecorded = block?.inferenceTable?.enabled == true || fraction != nil && (telemetry?.recordsPayloads ?? false)
    settings.payloadSampling = isRecorded ? fraction ?? 1 : 0
    return settings
  }

  /// One limit for each scope, in the order of the first ones: of several, the smallest numbers count.
  private static func rateLimits(_ limits: [WireRateLimit]) -> [RateLimit] {
    var scopes: [RateLimit.Scope] = []
    var merged: [RateLimit.Scope: RateLimit] = [:]
    for limit in limits {
      guard let scope = limit.scope else { continue }
      let other = merged[scope]
      if other == nil { scopes.append(scope) }
      merged[scope] = RateLimit(
        scope, calls: [limit.calls, other?.calls].compactMap(\.self).min(),
        tokens: [limit.tokens, other?.tokens].compactMap(\.self).min())
    }
    return scopes.compactMap { merged[$0] }
  }

  /// The names by which the endpoint's telemetry can be read: the last segments of the configured tables' names.
  var telemetryTables: [TelemetryTable: String] {
    guard let names = WireTelemetry(telemetry)?.tableNames else { return [:] }
    let tables: [(TelemetryTable, String?)] = [
      (.logs, names.logs), (.metrics, names.metrics), (.spans, names.traces),
      (.payloads, names.logs.map { $0 + Self.payloadSuffix }),
    ]
    return tables.reduce(into: [:]) { views, table in
      views[table.0] = table.1?.split(separator: ".").last.map(String.init)
    }
  }

  /// What is added to the name of the logs table for that of the payload table (serving-api.md E10).
  static let payloadSuffix = "_payload"
}

extension WireRateLimit {
  /// Whose calls the limit counts; nil for a key that this version does not know. Names of principals are compared
  /// without regard to case, and therefore kept in lower case; those of groups are compared exactly.
  fileprivate var scope: RateLimit.Scope? {
    let name = principal.flatMap { $0.isEmpty ? nil : $0 }
    switch (key ?? "endpoint", name) {
    case ("endpoint", _): return .endpoint
    case ("user", nil): return .eachPrincipal
    case ("user", let name?), ("service_principal", let name?): return .principal(name.lowercased())
    case ("user_group", let name?): return .group(name)
    default: return nil
    }
  }
}

extension WireTelemetry {
  /// Whether a sampling fraction applies: the features are all on unless they are listed.
  fileprivate var recordsPayloads: Bool {
    let features = self[texts: "enabled_telemetry_features"] ?? []
    return features.isEmpty || features.contains(SettingsRules.inferenceTableFeature)
  }
}

/// A permission on an endpoint.
struct EndpointGrant: Hashable, Sendable {
  /// What the API calls the principal. A token's name is one principal under both names.
  enum Kind: String, Hashable, Sendable {
    case user = "user_name"
    case servicePrincipal = "service_principal_name"
    case group = "group_name"
  }

  let kind: Kind
  let name: String
  let level: EndpointLevel
}

extension EndpointSettings {
  /// The document that the store keeps.
  var document: JSONValue {
    var members: [String: JSONValue] = [:]
    members["ai_gateway"] = gateway
    members["email_notifications"] = notifications
    members["telemetry_config"] = telemetry
    if !access.isEmpty {
      members["access"] = .array(
        access.map { [$0.kind.rawValue: .string($0.name), "level": .int(Int64($0.level.rawValue))] })
    }
    return .object(members)
  }

  /// What can be read of a document.
  init(document: JSONValue) {
    gateway = document["ai_gateway"]
    notifications = document["email_notifications"]
    telemetry = document["telemetry_config"]
    access = (document["access"]?.arrayValue ?? []).compactMap { EndpointGrant($0) }
  }
}

extension EndpointGrant {
  fileprivate init?(_ document: JSONValue) {
    guard let rank = document["level"]?.intValue, let level = EndpointLevel(rawValue: Int(clamping: rank)) else {
      return nil
    }
    for kind in [Kind.user, .servicePrincipal, .group] {
      guard let name = document[kind.rawValue]?.stringValue else { continue }
      self.init(kind: kind, name: name, level: level)
      return
    }
    return nil
  }
}
