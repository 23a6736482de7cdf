package import LibYAML

/// Reads the settings of a spec besides its entities, and checks the rules between fields.
struct SettingsDecoder {
  private let spec: Record
  private(set) var findings: [Finding] = []
  /// The names of principals that only a plane accepts, with what is wrong with them in a workspace.
  private(set) var planeOnlyNames: [Finding] = []

  init(spec: Record) { self.spec = spec }

  /// The fields in the spec that workspaces support and planes do not.
  var workspaceOnlyFields: [WrittenField] {
    ["budgetPolicy", "routeOptimized"].compactMap { name in
      if spec.boolean(name) == false { return nil }
      return spec.location(of: name).map { WrittenField(path: "spec." + name, location: $0) }
    }
  }

  /// The fields in the spec that planes support and workspaces do not: webhooks among the addresses of notifications.
  var planeOnlyFields: [WrittenField] {
    guard let record = spec.record("notifications") else { return [] }
    return ["onUpdateSuccess", "onUpdateFailure"].flatMap { name in
      (record.list(name) ?? []).enumerated().compactMap { index, item -> WrittenField? in
        guard case .value(.text(let address), let mark) = item, TextRule.isWebhook(address) else { return nil }
        return WrittenField(
          path: "spec.notifications.\(name)[\(index)]",
          location: SourceLocation(source: record.location.source, mark: mark))
      }
    }
  }

  mutating func settings() -> SideSettings {
    SideSettings(
      tags: spec.texts("tags") ?? [:], gateway: spec.record("gateway").flatMap { gateway($0) },
      notifications: spec.record("notifications").map(Self.notifications),
      telemetry: spec.record("telemetry").map { telemetry($0) }, access: spec.record("access").map { access($0) },
      creation: CreationSettings(
        description: spec.text("description").flatMap { $0.isEmpty ? nil : $0 },
        budgetPolicy: spec.text("budgetPolicy"), routeOptimized: spec.boolean("routeOptimized")))
  }

  private mutating func report(
    _ location: SourceLocation, _ path: String, severity: Finding.Severity = .error, _ message: String,
    _ suggestion: String? = nil
  ) {
    findings.append(Finding(severity, at: location, path: path, message, suggestion: suggestion))
  }

  /// Returns the mappings of a list with their paths; items that are not mappings already have a finding.
  private static func items(_ record: Record, _ name: String, path: String) -> [(record: Record, path: String)]? {
    record.list(name)?.enumerated().compactMap { index, item in item.record.map { ($0, "\(path)[\(index)]") } }
  }

  // MARK: Gateway

  private mutating func gateway(_ record: Record) -> GatewaySettings? {
    let limits = Self.items(record, "rateLimits", path: "spec.gateway.rateLimits").map { rateLimits($0) }
    let table = record.record("inferenceTable").flatMap { table -> InferenceTable? in
      guard let catalog = table.text("catalog"), let schema = table.text("schema") else { return nil }
      return InferenceTable(
        catalog: catalog, schema: schema, tableNamePrefix: table.text("tableNamePrefix"),
        enabled: table.boolean("enabled") ?? true)
    }
    let settings = GatewaySettings(
      rateLimits: limits, usageTracking: record.boolean("usageTracking"), inferenceTable: table)
    return settings.isEmpty ? nil : settings
  }

  private mutating func rateLimits(_ items: [(record: Record, path: String)]) -> [RateLimit] {
    var named: [RateLimitSubject: String] = [:]
    return items.compactMap { record, path -> RateLimit? in
      guard let limit = rateLimit(record, path) else { return nil }
      let subject = RateLimitSubject(key: limit.key, principal: limit.principal)
      if let other = named[subject] {
        report(record.location, path, "\(subject.description) already has a limit at \(other)", "keep one of them")
      } else {
        named[subject] = path
      }
      return limit
    }
  }

  private struct RateLimitSubject: Hashable {
    let key: String
    let principal: String?

    var description: String { principal.map { "\(key) \(shown($0))" } ?? "the key \(key)" }
  }

  private mutating func rateLimit(_ record: Record, _ path: String) -> RateLimit? {
    if record.isAbsent("calls"), record.isAbsent("tokens") {
      report(record.location, path, "sets neither calls nor tokens", "for example calls: 60")
    }
    guard let key = record.text("key") else { return nil }
    let needsPrincipal = key == "user_group" || key == "service_principal"
    if needsPrincipal, record.isAbsent("principal") {
      report(
        record.location, path + ".principal", "required for the key \(key), but missing",
        key == "user_group" ? "set it to the group's name" : "set it to the service principal's application ID")
    }
    if let location = record.location(of: "principal") {
      if key == "endpoint" {
        report(location, path + ".principal", "does not apply to the key endpoint", "remove it")
      } else if key == "user" {
        checkEmailAddress(record, "principal", path)
      }
    }
    if key == "service_principal" { checkApplicationID(record, "principal", path) }
    return RateLimit(
      key: key, principal: record.text("principal"), calls: record.integer("calls").map(Int64.init),
      tokens: record.integer("tokens").map(Int64.init), renewalPeriod: record.text("renewalPeriod") ?? "minute")
  }

  /// A plane knows a service principal by the name of its token.
  private mutating func checkApplicationID(_ record: Record, _ field: String, _ path: String) {
    guard let id = record.text(field), !ApplicationID.isOne(id), let location = record.location(of: field) else {
      return
    }
    keep(
      Finding(
        .warning, at: location, path: path + "." + field, "\(shown(id)) is not an application ID",
        suggestion: "use the service principal's UUID, not its display name"))
  }

  /// A plane knows a user by the name of its token, which need not be an email address.
  private mutating func checkEmailAddress(_ record: Record, _ field: String, _ path: String) {
    guard let user = record.text(field), let fault = TextRule.emailAddress.check(user),
      let location = record.location(of: field)
    else { return }
    keep(Finding(at: location, path: path + "." + field, fault.message, suggestion: fault.suggestion))
  }

  private mutating func keep(_ planeOnlyName: Finding) {
    if planeOnlyNames.count < FindingBounds.inDocument { planeOnlyNames.append(planeOnlyName) }
  }

  // MARK: Notifications and telemetry

  private static func notifications(_ record: Record) -> NotificationSettings {
    func addresses(_ name: String) -> [String] { (record.list(name) ?? []).compactMap(\.text) }
    return NotificationSettings(
      onUpdateSuccess: addresses("onUpdateSuccess"), onUpdateFailure: addresses("onUpdateFailure"))
  }

  private mutating func telemetry(_ record: Record) -> TelemetrySettings {
    let tables = ["logsTable", "metricsTable", "tracesTable"]
    let isWithoutTable = tables.allSatisfy { record.isAbsent($0) }
    if isWithoutTable, record.isAbsent("profileId") {
      // The server would accept it and do nothing (serving-api.md E10).
      report(
        record.location, "spec.telemetry", "names neither a table nor a profile, so it has no effect",
        "for example logsTable: main.telemetry.chat_logs")
    }
    if !isWithoutTable, let location = record.location(of: "profileId") {
      report(
        location, "spec.telemetry.profileId", "conflicts with the tables; telemetry uses one or the other",
        "keep the tables or the profile")
    }
    return TelemetrySettings(
      logsTable: record.text("logsTable"), metricsTable: record.text("metricsTable"),
      tracesTable: record.text("tracesTable"), samplingFraction: record.number("samplingFraction"),
      profileID: record.text("profileId"))
  }

  // MARK: Access

  private mutating func access(_ record: Record) -> AccessSettings {
    // The list may replace the mapping, and then has no field in the path.
    let isBare = record.location == record.location(of: "grants")
    var granted: [Principal: String] = [:]
    let items = Self.items(record, "grants", path: isBare ? "spec.access" : "spec.access.grants") ?? []
    let grants = items.compactMap { record, path -> Grant? in
      guard let grant = grant(record, path) else { return nil }
      if let other = granted[grant.principal.holder] {
        report(
          record.location, path, "\(grant.principal.description) already has a grant at \(other)",
          "keep the stronger one: it includes the other")
      } else {
        granted[grant.principal.holder] = path
      }
      return grant
    }
    return AccessSettings(mode: record.text("mode").flatMap(AccessMode.init) ?? .additive, grants: grants)
  }

  private mutating func grant(_ record: Record, _ path: String) -> Grant? {
    let kinds = ["user", "group", "servicePrincipal"].filter { !record.isAbsent($0) }
    guard kinds.count == 1, let kind = kinds.first else {
      report(
        record.location, path,
        kinds.isEmpty
          ? "names no principal; a grant needs exactly one"
          : "names \(kinds.joined(separator: " and ")); a grant needs exactly one principal",
        kinds.isEmpty ? "write user, group or servicePrincipal" : "write one grant for each")
      return nil
    }
    checkApplicationID(record, "servicePrincipal", path)
    checkEmailAddress(record, "user", path)
    guard let name = record.text(kind), let level = record.text("level").flatMap(AccessLevel.init(manifestWord:)) else {
      return nil
    }
    switch kind {
    case "user": return Grant(.user(name), level)
    case "group": return Grant(.group(name), level)
    default: return Grant(.servicePrincipal(name), level)
    }
  }
}

/// A field in a file.
package struct WrittenField: Sendable, Hashable {
  /// The path, such as `spec.gateway`.
  package let path: String
  package let location: SourceLocation
}
