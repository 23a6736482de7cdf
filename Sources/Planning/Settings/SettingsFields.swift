internal import Endpoints

/// The differences of side settings in the manifest's own terms: limits by key, grants by principal.
enum SettingsFields {
  static func gateway(_ plan: GatewayPlan) -> [FieldChange] {
    let touched = plan.managed.union(plan.dropped)
    var changes: [FieldChange] = []
    if touched.contains(.rateLimits) {
      changes += limits(plan.live.rateLimits ?? [], plan.target.rateLimits ?? [])
    }
    if touched.contains(.usageTracking) {
      let (from, to) = (plan.live.usageTracking, plan.target.usageTracking)
      if (from ?? false) != (to ?? false) {
        changes += [change("gateway.usageTracking", from.map { "\($0)" }, to.map { "\($0)" })].compactMap(\.self)
      }
    }
    if touched.contains(.inferenceTable), !plan.target.meansTable(of: plan.live) {
      changes += table(plan.live.inferenceTable, plan.target.inferenceTable)
    }
    if changes.isEmpty, !plan.steps.isEmpty {
      // Two limits of one key, which no manifest can express.
      changes = [FieldChange(path: "spec.gateway.rateLimits", from: "repeated", to: "one per key", effect: .inPlace)]
    }
    return changes
  }

  private static func limits(_ old: [RateLimit], _ new: [RateLimit]) -> [FieldChange] {
    let before = Dictionary(old.map { (path(of: $0), $0) }, uniquingKeysWith: { one, _ in one })
    let after = Dictionary(new.map { (path(of: $0), $0) }, uniquingKeysWith: { one, _ in one })
    return Set(before.keys).union(after.keys).sorted().flatMap { path -> [FieldChange?] in
      guard let was = before[path], let will = after[path] else {
        return [change(path, before[path].map(text), after[path].map(text))]
      }
      return [
        change("\(path).calls", was.calls.map { "\($0)" }, will.calls.map { "\($0)" }),
        change("\(path).tokens", was.tokens.map { "\($0)" }, will.tokens.map { "\($0)" }),
        change("\(path).renewalPeriod", was.renewalPeriod, will.renewalPeriod),
      ]
    }.compactMap(\.self)
  }

  static func path(of limit: RateLimit) -> String {
    "gateway.rateLimits[key=\(limit.key)\(limit.principal.map { ",principal=\($0)" } ?? "")]"
  }

  static func text(_ limit: RateLimit) -> String {
    let amounts = [limit.calls.map { "\($0) calls" }, limit.tokens.map { "\($0) tokens" }].compactMap(\.self)
    return "\(amounts.isEmpty ? "no amount" : amounts.joined(separator: " and ")) a \(limit.renewalPeriod)"
  }

  private static func table(_ old: InferenceTable?, _ new: InferenceTable?) -> [FieldChange] {
    guard let new else { return [change("gateway.inferenceTable", old.map(text), nil)].compactMap(\.self) }
    guard let old else { return [change("gateway.inferenceTable", nil, text(new))].compactMap(\.self) }
    let prefix = new.tableNamePrefix ?? old.tableNamePrefix
    return [
      change("gateway.inferenceTable.catalog", old.catalog, new.catalog),
      change("gateway.inferenceTable.schema", old.schema, new.schema),
      change("gateway.inferenceTable.tableNamePrefix", old.tableNamePrefix, prefix),
      change("gateway.inferenceTable.enabled", "\(old.enabled)", "\(new.enabled)"),
    ].compactMap(\.self)
  }

  static func text(_ table: InferenceTable) -> String {
    "\(table.catalog).\(table.schema)\(table.tableNamePrefix.map { ".\($0)" } ?? "")\(table.enabled ? "" : ", off")"
  }

  static func notifications(_ old: NotificationSettings, _ new: NotificationSettings) -> [FieldChange] {
    [
      change("notifications.onUpdateSuccess", list(old.onUpdateSuccess), list(new.onUpdateSuccess)),
      change("notifications.onUpdateFailure", list(old.onUpdateFailure), list(new.onUpdateFailure)),
    ].compactMap(\.self)
  }

  private static func list(_ addresses: [String]) -> String? {
    addresses.isEmpty ? nil : addresses.joined(separator: ", ")
  }

  /// Returns the changes of telemetry. For fields that the provider does not report, only the new value is known.
  static func telemetry(_ plan: TelemetryPlan) -> [FieldChange] {
    guard let wanted = plan.wanted else {
      return [FieldChange(path: "spec.telemetry", from: text(plan.live), to: nil, effect: .inPlace)]
    }
    let live = plan.live
    let changes = [
      change("telemetry.logsTable", live?.logsTable ?? unknown(live), wanted.logsTable),
      change("telemetry.metricsTable", unknown(live), wanted.metricsTable),
      change("telemetry.tracesTable", unknown(live), wanted.tracesTable),
      change(
        "telemetry.samplingFraction", live?.samplingFraction.map { "\($0)" }, wanted.samplingFraction.map { "\($0)" }),
      change("telemetry.profileId", live?.profileID, wanted.profileID),
    ].compactMap(\.self).filter { $0.to != nil }
    if !changes.isEmpty { return changes }
    return [FieldChange(path: "spec.telemetry", from: text(live), to: "on", effect: .inPlace)]
  }

  private static func unknown(_ live: ObservedTelemetry?) -> String? { live.map { _ in "not reported" } }

  static func text(_ live: ObservedTelemetry?) -> String? {
    live.map { live in
      [live.profileID.map { "profile \($0)" }, live.logsTable.map { "logs to \($0)" }].compactMap(\.self)
        .joined(separator: ", ")
    }.map { $0.isEmpty ? "on" : $0 }
  }

  static func access(_ plan: AccessPlan) -> [FieldChange] {
    let named = plan.missing.map {
      (
        path: "access[\($0.principal.key)]", plan.level(of: $0.principal)?.manifestWord,
        $0.level.manifestWord as String?
      )
    }
    let surplus = plan.surplus.map {
      (path: "access[\($0.principal.key)]", $0.level.manifestWord as String?, nil as String?)
    }
    return (named + surplus).sorted { $0.path < $1.path }.compactMap { change($0.path, $0.1, $0.2) }
  }

  /// Returns the settings of a new endpoint.
  static func atCreation(_ settings: SideSettings) -> [FieldChange] {
    var changes = gateway(GatewayPlan(settings.gateway, live: nil, marked: []))
    if let wanted = settings.notifications { changes += notifications(NotificationSettings(), wanted) }
    if let wanted = settings.telemetry {
      changes += telemetry(TelemetryPlan(wanted: wanted, live: nil, marked: ManagedSettings(), remembered: nil))
    }
    for grant in settings.access?.grants ?? [] {
      changes += [change("access[\(grant.principal.key)]", nil, grant.level.manifestWord)].compactMap(\.self)
    }
    let creation = settings.creation
    changes += [
      change("description", nil, creation.description), change("budgetPolicy", nil, creation.budgetPolicy),
      change("routeOptimized", nil, creation.routeOptimized.map { "\($0)" }),
    ].compactMap(\.self)
    return changes
  }

  private static func change(_ field: String, _ from: String?, _ to: String?) -> FieldChange? {
    from == to ? nil : FieldChange(path: "spec.\(field)", from: from, to: to, effect: .inPlace)
  }
}
