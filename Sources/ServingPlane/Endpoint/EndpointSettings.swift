import CanonicalJSON
import Gateway
import HTTPSupport

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

  /// What the gateway applies to queries.
  var querySettings: QuerySettings { QuerySettings() }
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
