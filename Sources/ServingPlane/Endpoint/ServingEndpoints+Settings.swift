import CanonicalJSON
import Logging
import ServingAPI

// The settings of endpoints beside their configs: none of the calls starts a replica or creates a config version.
extension ServingEndpoints {
  /// Replaces the AI gateway's block; an empty one removes it.
  ///
  /// - Parameter principal: the name of who requests it, for the log; the same below.
  func setGateway(_ name: String, _ wanted: WireGateway, by principal: String?) async throws(APIError) -> WireGateway {
    let record = try await changeSettings(name, "ai_gateway", by: principal) { record throws(APIError) in
      var settings = record.settings
      settings.gateway = try SettingsRules.gateway(wanted, replacing: WireGateway(settings.gateway))?.json
      return settings
    }
    return WireGateway(record.settings.gateway) ?? WireGateway()
  }

  /// Replaces the given lists of addresses.
  func setNotifications(
    _ name: String, _ patch: WireNotificationPatch, by principal: String?
  ) async throws(APIError) -> WireNotifications {
    let findings = patch.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    guard let wanted = patch.notifications else { throw .invalid("email_notifications is missing") }
    let record = try await changeSettings(name, "email_notifications", by: principal) { record throws(APIError) in
      var settings = record.settings
      let live = WireNotifications(settings.notifications)
      settings.notifications = try SettingsRules.notifications(wanted, changing: live)?.json
      return settings
    }
    var shown = WireNotifications(record.settings.notifications) ?? WireNotifications()
    for list in ["on_update_success", "on_update_failure"] where shown[texts: list] == nil { shown[texts: list] = [] }
    return shown
  }

  /// Replaces the telemetry; a patch without one removes it.
  func setTelemetry(
    _ name: String, _ patch: WireTelemetryPatch, by principal: String?
  ) async throws(APIError) -> WireEndpoint {
    let findings = patch.typeFindings()
    guard findings.isEmpty else { throw .invalid(findings.joined(separator: "; ")) }
    _ = try await changeSettings(name, "telemetry_config", by: principal) { record throws(APIError) in
      if record.update.target != nil { throw APIError.updating(record.name) }
      var settings = record.settings
      guard let wanted = patch.telemetry else {
        settings.telemetry = nil
        return settings
      }
      guard record.active != nil else {
        throw APIError.invalid(
          "telemetry_config cannot be set on an endpoint without an active config; deploy one first")
      }
      let live = WireTelemetry(settings.telemetry)
      settings.telemetry = try SettingsRules.telemetry(wanted, changing: live, of: record.id)?.json
      return settings
    }
    reportTelemetryTables()
    return try get(name)
  }

  /// The settings that a create contains. Telemetry is dropped if there is no config (serving-api.md E10).
  static func settings(_ request: WireCreateRequest, of record: EndpointRecord) throws(APIError) -> EndpointSettings {
    var settings = EndpointSettings()
    if let gateway = request.gateway {
      settings.gateway = try SettingsRules.gateway(gateway, replacing: nil)?.json
    }
    if let notifications = request.notifications {
      settings.notifications = try SettingsRules.notifications(notifications, changing: nil)?.json
    }
    if let wanted = WireTelemetry(request.members["telemetry_config"]), request.config != nil {
      settings.telemetry = try SettingsRules.telemetry(wanted, changing: nil, of: record.id)?.json
    }
    return settings
  }

  /// Saves changed settings, and applies them to the queries from now on.
  ///
  /// - Parameter what: the API's word for what changes, for the log.
  private func changeSettings(
    _ name: String, _ what: String, by principal: String?,
    _ change: (EndpointRecord) throws(APIError) -> EndpointSettings
  ) async throws(APIError) -> EndpointRecord {
    try await changes.run { () async throws(APIError) in
      try refuseWhileStopping()
      var machine = try machine(name)
      machine.changeSettings(try change(machine.record), context(for: machine))
      try await store(machine.record)
      machines[machine.record.id] = machine
      gateway.setSettings(machine.record.settings.querySettings, of: machine.record.id)
      log.info("settings changed", metadata: Self.about(name, principal).merging(["what": "\(what)"]) { $1 })
      return machine.record
    }
  }

  /// Reports the names by which the telemetry of all endpoints can be read.
  func reportTelemetryTables() {
    onTelemetryTables(
      machines.values.reduce(into: [:]) { tables, machine in
        let own = machine.record.settings.telemetryTables
        if !own.isEmpty { tables[machine.record.name] = own }
      })
  }

  /// Notifies the endpoint's addresses if an update has ended.
  ///
  /// - Parameter target: the config that was being rolled out; nil if none was.
  func noteEnd(of target: PlaneConfig?, in record: EndpointRecord) {
    guard let target, let lists = WireNotifications(record.settings.notifications),
      let notification = UpdateNotification(of: target, in: record, at: wallClock(), host: PlaneMail.hostName)
    else { return }
    outbox.post(notification, to: notification.failure == nil ? lists.onUpdateSuccess : lists.onUpdateFailure)
  }
}
