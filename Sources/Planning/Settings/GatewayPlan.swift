internal import Endpoints

/// The desired AI gateway settings, and the calls that set them. The one call replaces the whole block, so settings
/// that the manifest does not manage are carried over from the live ones.
struct GatewayPlan {
  let live: GatewaySettings
  let target: GatewaySettings
  /// The parts that the manifest sets.
  let managed: Set<ManagedSettings.Part>
  /// The live parts that an earlier manifest set and this one does not.
  let dropped: Set<ManagedSettings.Part>

  /// - Parameters:
  ///   - wanted: the manifest's settings; nil if it has none.
  ///   - marked: the parts that the fleet set, according to the endpoint's tag.
  init(_ wanted: GatewaySettings?, live: GatewaySettings?, marked: Set<ManagedSettings.Part>) {
    let live = live ?? GatewaySettings()
    var target = live
    var managed: Set<ManagedSettings.Part> = []
    var dropped: Set<ManagedSettings.Part> = []
    if let limits = wanted?.rateLimits {
      target.rateLimits = limits
      managed.insert(.rateLimits)
    } else if marked.contains(.rateLimits), !(live.rateLimits ?? []).isEmpty {
      target.rateLimits = nil
      dropped.insert(.rateLimits)
    }
    if let tracking = wanted?.usageTracking {
      target.usageTracking = tracking
      managed.insert(.usageTracking)
    } else if marked.contains(.usageTracking), live.usageTracking == true {
      target.usageTracking = nil
      dropped.insert(.usageTracking)
    }
    if let table = wanted?.inferenceTable {
      target.inferenceTable = table.named(like: live.inferenceTable)
      managed.insert(.inferenceTable)
    } else if marked.contains(.inferenceTable), live.inferenceTable?.enabled == true {
      target.inferenceTable = nil
      dropped.insert(.inferenceTable)
    }
    self.live = live
    self.target = target
    self.managed = managed
    self.dropped = dropped
  }

  /// The blocks to send, one after the other; empty if the settings match.
  var steps: [GatewaySettings] {
    guard !target.means(live) else { return [] }
    // The names of a table in use cannot change (serving-api.md E7).
    if let table = live.inferenceTable, table.enabled, let next = target.inferenceTable, !next.hasNames(of: table) {
      var off = target
      off.inferenceTable = InferenceTable(
        catalog: table.catalog, schema: table.schema, tableNamePrefix: table.tableNamePrefix, enabled: false)
      return [off, target]
    }
    return [target]
  }
}

extension GatewaySettings {
  /// Whether both mean the same: no limits equal an empty list, and disabled tracking or a disabled table equals none.
  func means(_ live: GatewaySettings) -> Bool {
    Set(rateLimits ?? []) == Set(live.rateLimits ?? []) && (usageTracking ?? false) == (live.usageTracking ?? false)
      && meansTable(of: live) && other == live.other
  }

  func meansTable(of live: GatewaySettings) -> Bool {
    switch (inferenceTable, live.inferenceTable) {
    case (nil, nil): true
    case (let table?, nil), (nil, let table?): !table.enabled
    case (let table?, let live?): table.enabled == live.enabled && table.hasNames(of: live)
    }
  }
}

extension InferenceTable {
  /// Whether it is the same table; the server chooses a prefix that is not set.
  func hasNames(of live: InferenceTable) -> Bool {
    catalog == live.catalog && schema == live.schema
      && (tableNamePrefix == nil || tableNamePrefix == live.tableNamePrefix)
  }

  /// Returns the table with the prefix that the server chose, if it is the same table: if omitted, it might change.
  func named(like live: InferenceTable?) -> InferenceTable {
    guard tableNamePrefix == nil, let live, hasNames(of: live), let prefix = live.tableNamePrefix else { return self }
    return InferenceTable(catalog: catalog, schema: schema, tableNamePrefix: prefix, enabled: enabled)
  }
}
