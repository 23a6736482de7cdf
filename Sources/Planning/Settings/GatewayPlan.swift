internal import Endpoints

/// What the AI gateway is to be, and the calls that make it so. Its one call replaces the whole block, so what the
/// manifest does not manage is carried over from what is live.
struct GatewayPlan {
  let live: GatewaySettings
  let target: GatewaySettings
  /// What the manifest sets now.
  let managed: Set<ManagedSettings.Part>
  /// What a former manifest set, this one does not, and is still there.
  let dropped: Set<ManagedSettings.Part>

  /// - Parameters:
  ///   - wanted: what the manifest says; nil: nothing of it.
  ///   - marked: what the endpoint's tag says that the fleet set.
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

  /// The blocks to send, one after the other; empty: it is as it is to be.
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
  /// Whether both say the same: no limits are an empty list, no tracking is none, and a table that is off is none.
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
  /// Whether it is the same table; a prefix that was not chosen is the server's to choose.
  func hasNames(of live: InferenceTable) -> Bool {
    catalog == live.catalog && schema == live.schema
      && (tableNamePrefix == nil || tableNamePrefix == live.tableNamePrefix)
  }

  /// With the prefix that the server chose, where it is the same table: left out it might be chosen anew.
  func named(like live: InferenceTable?) -> InferenceTable {
    guard tableNamePrefix == nil, let live, hasNames(of: live), let prefix = live.tableNamePrefix else { return self }
    return InferenceTable(catalog: catalog, schema: schema, tableNamePrefix: prefix, enabled: enabled)
  }
}
