internal import CanonicalJSON
internal import Endpoints

// How a saved plan represents side settings: nil stays nil, since an unmanaged setting is different from an empty one.

extension SideSettings {
  /// The members of an endpoint in a saved plan; unmanaged settings are omitted.
  var planMembers: [String: JSONValue] {
    var members: [String: JSONValue] = ["tags": .object(tags.mapValues { .string($0) })]
    members["gateway"] = gateway.map(\.planJSON)
    members["notifications"] = notifications.map { settings in
      ["onUpdateSuccess": .texts(settings.onUpdateSuccess), "onUpdateFailure": .texts(settings.onUpdateFailure)]
    }
    members["telemetry"] = telemetry.map(\.planJSON)
    members["access"] = access.map { settings in
      ["mode": .string(settings.mode.rawValue), "grants": .array(settings.grants.map(\.planJSON))]
    }
    if creation != CreationSettings() {
      members["creation"] = .present([
        "description": creation.description.map { .string($0) },
        "budgetPolicy": creation.budgetPolicy.map { .string($0) },
        "routeOptimized": creation.routeOptimized.map { .bool($0) },
      ])
    }
    return members
  }

  /// Reads the output of ``planMembers``; nil for anything else.
  init?(planMembers json: JSONValue) {
    self.init(tags: (json["tags"]?.objectValue ?? [:]).compactMapValues(\.stringValue))
    if let gateway = json["gateway"] {
      guard let settings = GatewaySettings(planJSON: gateway) else { return nil }
      self.gateway = settings
    }
    if let lists = json["notifications"] {
      guard let success = lists["onUpdateSuccess"]?.texts, let failure = lists["onUpdateFailure"]?.texts else {
        return nil
      }
      notifications = NotificationSettings(onUpdateSuccess: success, onUpdateFailure: failure)
    }
    if let telemetry = json["telemetry"] { self.telemetry = TelemetrySettings(planJSON: telemetry) }
    if let access = json["access"] {
      guard let mode = access["mode"]?.stringValue.flatMap(AccessMode.init(rawValue:)),
        let items = access["grants"]?.arrayValue
      else { return nil }
      let grants = items.compactMap(Grant.init(planJSON:))
      guard grants.count == items.count else { return nil }
      self.access = AccessSettings(mode: mode, grants: grants)
    }
    if let creation = json["creation"] {
      self.creation = CreationSettings(
        description: creation["description"]?.stringValue, budgetPolicy: creation["budgetPolicy"]?.stringValue,
        routeOptimized: creation["routeOptimized"]?.boolValue)
    }
  }
}

extension GatewaySettings {
  fileprivate var planJSON: JSONValue {
    .present([
      "rateLimits": rateLimits.map { .array($0.map(\.planJSON)) }, "usageTracking": usageTracking.map { .bool($0) },
      "inferenceTable": inferenceTable.map { table in
        .present([
          "catalog": .string(table.catalog), "schema": .string(table.schema), "enabled": .bool(table.enabled),
          "tableNamePrefix": table.tableNamePrefix.map { .string($0) },
        ])
      },
    ])
  }

  fileprivate init?(planJSON json: JSONValue) {
    self.init(usageTracking: json["usageTracking"]?.boolValue)
    if let items = json["rateLimits"]?.arrayValue {
      let limits = items.compactMap(RateLimit.init(planJSON:))
      guard limits.count == items.count else { return nil }
      rateLimits = limits
    }
    if let table = json["inferenceTable"] {
      guard let catalog = table["catalog"]?.stringValue, let schema = table["schema"]?.stringValue,
        let enabled = table["enabled"]?.boolValue
      else { return nil }
      inferenceTable = InferenceTable(
        catalog: catalog, schema: schema, tableNamePrefix: table["tableNamePrefix"]?.stringValue, enabled: enabled)
    }
  }
}

extension RateLimit {
  fileprivate var planJSON: JSONValue {
    .present([
      "key": .string(key), "principal": principal.map { .string($0) }, "calls": calls.map { .int($0) },
      "tokens": tokens.map { .int($0) }, "renewalPeriod": .string(renewalPeriod),
    ])
  }

  fileprivate init?(planJSON json: JSONValue) {
    guard let key = json["key"]?.stringValue, let period = json["renewalPeriod"]?.stringValue else { return nil }
    self.init(
      key: key, principal: json["principal"]?.stringValue, calls: json["calls"]?.intValue,
      tokens: json["tokens"]?.intValue, renewalPeriod: period)
  }
}

extension TelemetrySettings {
  fileprivate var planJSON: JSONValue {
    .present([
      "logsTable": logsTable.map { .string($0) }, "metricsTable": metricsTable.map { .string($0) },
      "tracesTable": tracesTable.map { .string($0) }, "profileId": profileID.map { .string($0) },
      "samplingFraction": samplingFraction.map { .double($0) },
    ])
  }

  fileprivate init(planJSON json: JSONValue) {
    self.init(
      logsTable: json["logsTable"]?.stringValue, metricsTable: json["metricsTable"]?.stringValue,
      tracesTable: json["tracesTable"]?.stringValue, samplingFraction: json["samplingFraction"]?.doubleValue,
      profileID: json["profileId"]?.stringValue)
  }
}

extension Grant {
  fileprivate var planJSON: JSONValue {
    let (kind, name) =
      switch principal {
      case .user(let name): ("user", name)
      case .group(let name): ("group", name)
      case .servicePrincipal(let id): ("servicePrincipal", id)
      }
    return [kind: .string(name), "level": .string(level.manifestWord)]
  }

  fileprivate init?(planJSON json: JSONValue) {
    guard let word = json["level"]?.stringValue else { return nil }
    let level = AccessLevel(manifestWord: word) ?? .unknown(word)
    if let name = json["user"]?.stringValue {
      self.init(.user(name), level)
    } else if let name = json["group"]?.stringValue {
      self.init(.group(name), level)
    } else if let id = json["servicePrincipal"]?.stringValue {
      self.init(.servicePrincipal(id), level)
    } else {
      return nil
    }
  }
}

extension JSONValue {
  /// An object of the members that have a value.
  fileprivate static func present(_ members: [String: JSONValue?]) -> JSONValue {
    .object(members.compactMapValues(\.self))
  }

  fileprivate static func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

  fileprivate var texts: [String]? { arrayValue?.compactMap(\.stringValue) }
}
