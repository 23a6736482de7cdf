package import CanonicalJSON
package import Endpoints

/// `email_notifications` of an endpoint.
package struct WireNotifications: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }

  /// Creates the object as sent: always with both lists, because an absent list changes nothing and an empty one
  /// removes.
  package init(_ settings: NotificationSettings) {
    self.init()
    self[texts: "on_update_success"] = settings.onUpdateSuccess
    self[texts: "on_update_failure"] = settings.onUpdateFailure
  }

  package static let fields: [String: WireField] = [
    "on_update_success": .list(.text), "on_update_failure": .list(.text),
  ]

  package var onUpdateSuccess: [String] { self[texts: "on_update_success"] ?? [] }
  package var onUpdateFailure: [String] { self[texts: "on_update_failure"] ?? [] }

  /// The settings; nil if nobody is notified.
  package var settings: NotificationSettings? {
    let settings = NotificationSettings(onUpdateSuccess: onUpdateSuccess, onUpdateFailure: onUpdateFailure)
    return settings.isEmpty ? nil : settings
  }
}

/// The body of a notifications patch (serving-api.md E9).
package struct WireNotificationPatch: WireObject {
  package var members: [String: JSONValue]
  package init(members: [String: JSONValue]) { self.members = members }
  package init(_ notifications: WireNotifications) { self.members = ["email_notifications": notifications.json] }

  package static let fields: [String: WireField] = ["email_notifications": .object(WireNotifications.self)]

  package var notifications: WireNotifications? { self[object: "email_notifications"] }
}
