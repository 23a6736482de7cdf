/// The settings besides the config. They are changed in place, field by field, and never quarantined or rolled back. A
/// setting that is nil is not managed: its live value is not drift.
package struct SideSettings: Hashable, Sendable {
  /// The tags that the manifest sets. Other tags stay.
  package let tags: [String: String]
  /// Everything else, which nearly no manifest sets.
  @OutOfLine private var rare: Rare?

  package init(
    tags: [String: String] = [:], gateway: GatewaySettings? = nil, notifications: NotificationSettings? = nil,
    telemetry: TelemetrySettings? = nil, access: AccessSettings? = nil, creation: CreationSettings = CreationSettings()
  ) {
    self.tags = tags
    let rare = Rare(
      gateway: gateway, notifications: notifications, telemetry: telemetry, access: access, creation: creation)
    self.rare = rare == Rare() ? nil : rare
  }

  private struct Rare: Hashable {
    var gateway: GatewaySettings?
    var notifications: NotificationSettings?
    var telemetry: TelemetrySettings?
    var access: AccessSettings?
    var creation = CreationSettings()
  }

  package var gateway: GatewaySettings? {
    get { rare?.gateway }
    set { change { $0.gateway = newValue } }
  }
  package var notifications: NotificationSettings? {
    get { rare?.notifications }
    set { change { $0.notifications = newValue } }
  }
  package var telemetry: TelemetrySettings? {
    get { rare?.telemetry }
    set { change { $0.telemetry = newValue } }
  }
  package var access: AccessSettings? {
    get { rare?.access }
    set { change { $0.access = newValue } }
  }
  package var creation: CreationSettings {
    get { rare?.creation ?? CreationSettings() }
    set { change { $0.creation = newValue } }
  }

  private mutating func change(_ body: (inout Rare) -> Void) {
    var changed = rare ?? Rare()
    body(&changed)
    rare = changed == Rare() ? nil : changed
  }
}
