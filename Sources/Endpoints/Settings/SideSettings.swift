/// What is kept in place beside the config: changed field by field, never quarantined, never rolled back. A setting that
/// is nil is not managed: whatever is live is no drift.
package struct SideSettings: Hashable, Sendable {
  /// The tags the manifest sets. Tags it does not name are somebody else's and stay.
  package let tags: [String: String]
  /// Everything else: nearly every manifest has none of it.
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
