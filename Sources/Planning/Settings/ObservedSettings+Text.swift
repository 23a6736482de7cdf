package import Endpoints

extension ObservedSettings {
  /// The settings as text, one per line; settings with default values are omitted.
  package var lines: [String] {
    var lines: [String] = []
    if let description, !description.isEmpty { lines.append("description: \(description)") }
    if routeOptimized { lines.append("route optimized") }
    for limit in gateway?.rateLimits ?? [] {
      let whose = [limit.key, limit.principal].compactMap(\.self).joined(separator: " ")
      lines.append("rate limit, \(whose): \(SettingsFields.text(limit))")
    }
    if gateway?.usageTracking == true { lines.append("usage tracking: on") }
    if let table = gateway?.inferenceTable, !table.catalog.isEmpty {
      lines.append("inference table: \(SettingsFields.text(table))")
    }
    for name in gateway?.other.keys.sorted() ?? [] { lines.append("\(name): set; manifests cannot express it") }
    if let list = Self.list(notifications?.onUpdateSuccess) { lines.append("notified of updates: \(list)") }
    if let list = Self.list(notifications?.onUpdateFailure) { lines.append("notified of failed updates: \(list)") }
    if let telemetry = SettingsFields.text(telemetry) { lines.append("telemetry: \(telemetry)") }
    return lines + accessLines
  }

  private var accessLines: [String] {
    guard let access else { return [] }
    if let problem = access.problem { return ["access: could not be read: \(problem)"] }
    return access.grants.map { "access, \($0.principal.description): \($0.level.manifestWord)" }
  }

  private static func list(_ addresses: [String]?) -> String? {
    addresses.flatMap { $0.isEmpty ? nil : $0.joined(separator: ", ") }
  }
}
