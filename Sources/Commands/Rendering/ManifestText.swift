internal import CanonicalJSON
internal import Endpoints
internal import LibYAML

/// A draft as the manifest that `apply -f` reads: only fields that differ from the defaults.
enum ManifestText {
  static func text(_ draft: ManifestDraft) -> String { YAMLEmitter.emit(yaml(draft)) }

  private typealias Fields = [(key: String, value: YAMLValue)]

  private static func yaml(_ draft: ManifestDraft) -> YAMLValue {
    let metadata: Fields = draft.name.isEmpty ? [] : [("name", .string(draft.name))]
    let document: Fields = [
      ("apiVersion", .string(ManifestSchema.apiVersion)), ("kind", .string(ManifestSchema.kind)),
      ("metadata", .mapping(metadata)), ("spec", .mapping(spec(draft))),
    ]
    let comments =
      draft.omissions.filter { !$0.isCommented }.map(\.comment) + draft.remarks
    return commented(comments, .mapping(document))
  }

  private static func spec(_ draft: ManifestDraft) -> Fields {
    var spec: Fields = []
    let entities = draft.config.entities
    if let entity = entities.first, entities.count == 1, entity.givenName == nil {
      spec = compute(entity, remarks: draft.entityRemarks[entity.name] ?? [])
    } else if !entities.isEmpty {
      spec = [("servedEntities", .sequence(entities.map { listed($0, of: entities.count, draft) }))]
    }
    if let plane = PlaneText.settings(draft.config) { spec.append(("plane", PlaneText.yaml(plane))) }
    let settings = draft.settings
    if !settings.tags.isEmpty { spec.append(("tags", texts(settings.tags))) }
    if let gateway = settings.gateway { spec.append(("gateway", .mapping(fields(gateway)))) }
    if let access = settings.access { spec.append(("access", .sequence(access.grants.map(grant)))) }
    if let notifications = settings.notifications {
      spec.append(("notifications", .mapping(fields(notifications))))
    }
    if let telemetry = settings.telemetry {
      spec.append(("telemetry", commented(draft.telemetryRemarks, .mapping(fields(telemetry)))))
    }
    spec += fields(settings.creation)
    if draft.isRetained { spec.append(("deletionPolicy", .string(DeletionPolicy.retain.rawValue))) }
    return spec
  }

  // MARK: Served entities

  private static func listed(_ entity: ServedEntity, of count: Int, _ draft: ManifestDraft) -> YAMLValue {
    var fields: Fields = entity.givenName.map { [("name", .string($0))] } ?? []
    fields += compute(entity, remarks: [])
    if count > 1 { fields.append(("traffic", .integer(entity.traffic))) }
    return commented(draft.entityRemarks[entity.name] ?? [], .mapping(fields))
  }

  private static func compute(_ entity: ServedEntity, remarks: [String]) -> Fields {
    var fields: Fields = []
    if !entity.entityName.isEmpty { fields.append(("model", .string(entity.entityName))) }
    if !entity.entityVersion.isEmpty { fields.append(("entityVersion", .string(entity.entityVersion))) }
    if let first = fields.first { fields[0].value = commented(remarks, first.value) }
    if entity.workloadType != "CPU" { fields.append(("workloadType", .string(entity.workloadType))) }
    if let size = entity.workloadSize, size != "Small" { fields.append(("size", .string(size))) }
    if let concurrency = entity.concurrency {
      let bounds: Fields = [("min", .integer(concurrency.min)), ("max", .integer(concurrency.max))]
      fields.append(("concurrency", .mapping(bounds)))
    }
    if entity.scaleToZero { fields.append(("scaleToZero", .bool(true))) }
    return fields + environment(entity.environment)
  }

  private static func environment(_ environment: [String: String]) -> Fields {
    var fields: Fields = []
    // The endpoint's own field: see PlaneText.
    let environment = environment.filter { $0.key != PlaneArguments.variable }
    var shown = environment.filter { !PublicValue.looksLikeCredential(variable: $0.key, value: $0.value) }
    let hidden = environment.keys.filter { shown[$0] == nil }.sorted()
    var engine = shown.removeValue(forKey: EngineArguments.variable).map(Self.engine) ?? []
    // A draft has only valid ones.
    if let value = shown.removeValue(forKey: EngineAdapters.variable),
      let adapters = try? EngineAdapters(parsing: value)
    {
      engine.append(("adapters", .sequence(adapters.list.map(adapter))))
    }
    if !engine.isEmpty { fields.append(("engine", .mapping(engine))) }
    // A secret reference replaces a credential: it says what to do, and nothing wrong is sent by mistake.
    for variable in hidden where variable != EngineArguments.variable {
      shown[variable] = "{{secrets/your-scope/\(variable)}}"
    }
    let remarks = hidden.map { variable in
      variable == EngineArguments.variable
        ? "omitted: engine, because its flags may contain a credential"
        : "the value of \(variable) may be a credential and is not printed: store it as a secret and refer to it"
    }
    guard !shown.isEmpty || !remarks.isEmpty else { return fields }
    return fields + [("environment", commented(remarks, texts(shown)))]
  }

  /// Returns the flags under the names that a manifest has for them. A value that is not a JSON list of texts was not
  /// written by Setpoint; as a flag, it is refused when the manifest is read back.
  private static func engine(_ text: String) -> Fields {
    let items = (try? JSONValue(parsing: text).arrayValue)?.compactMap(\.stringValue) ?? [""]
    var rest = items[...]
    var fields: Fields = []
    while let flag = rest.first, let value = rest.dropFirst().first, let field = field(flag, value) {
      fields.append(field)
      rest = rest.dropFirst(2)
    }
    if !rest.isEmpty { fields.append(("extraArgs", .sequence(rest.map { .string($0) }))) }
    return fields
  }

  private static func adapter(_ adapter: EngineAdapter) -> YAMLValue {
    .mapping([
      ("name", .string(adapter.name)), ("model", .string(adapter.model)), ("version", .string(adapter.version)),
    ])
  }

  private static func field(_ flag: String, _ value: String) -> (key: String, value: YAMLValue)? {
    switch flag {
    case "--dtype": ("dtype", .string(value))
    case "--max-model-len": Int(value).map { ("maxModelLen", .integer($0)) }
    case "--gpu-memory-utilization": Double(value).map { ("gpuMemoryUtilization", .float($0)) }
    default: nil
    }
  }

  // MARK: Side settings

  private static func fields(_ gateway: GatewaySettings) -> Fields {
    var fields: Fields = []
    if let limits = gateway.rateLimits { fields.append(("rateLimits", .sequence(limits.map(rateLimit)))) }
    if let usage = gateway.usageTracking { fields.append(("usageTracking", .bool(usage))) }
    if let table = gateway.inferenceTable {
      var names: Fields = [("catalog", .string(table.catalog)), ("schema", .string(table.schema))]
      if let prefix = table.tableNamePrefix { names.append(("tableNamePrefix", .string(prefix))) }
      if !table.enabled { names.append(("enabled", .bool(false))) }
      fields.append(("inferenceTable", .mapping(names)))
    }
    return fields
  }

  private static func rateLimit(_ limit: RateLimit) -> YAMLValue {
    var fields: Fields = [("key", .string(limit.key))]
    if let principal = limit.principal { fields.append(("principal", .string(principal))) }
    if let calls = limit.calls { fields.append(("calls", .integer(Int(clamping: calls)))) }
    if let tokens = limit.tokens { fields.append(("tokens", .integer(Int(clamping: tokens)))) }
    if limit.renewalPeriod != "minute" { fields.append(("renewalPeriod", .string(limit.renewalPeriod))) }
    return .mapping(fields)
  }

  private static func grant(_ grant: Grant) -> YAMLValue {
    let kind =
      switch grant.principal {
      case .user: "user"
      case .group: "group"
      case .servicePrincipal: "servicePrincipal"
      }
    return .mapping([(kind, .string(grant.principal.name)), ("level", .string(grant.level.manifestWord))])
  }

  private static func fields(_ notifications: NotificationSettings) -> Fields {
    [("onUpdateSuccess", notifications.onUpdateSuccess), ("onUpdateFailure", notifications.onUpdateFailure)]
      .filter { !$0.1.isEmpty }.map { ($0.0, .sequence($0.1.map { .string($0) })) }
  }

  private static func fields(_ telemetry: TelemetrySettings) -> Fields {
    let names = [
      ("logsTable", telemetry.logsTable), ("metricsTable", telemetry.metricsTable),
      ("tracesTable", telemetry.tracesTable), ("profileId", telemetry.profileID),
    ]
    let fields: Fields = names.compactMap { key, name in name.map { (key, .string($0)) } }
    return fields + (telemetry.samplingFraction.map { [("samplingFraction", .float($0))] } ?? [])
  }

  private static func fields(_ creation: CreationSettings) -> Fields {
    var fields: Fields = []
    if let description = creation.description { fields.append(("description", .string(description))) }
    if let policy = creation.budgetPolicy { fields.append(("budgetPolicy", .string(policy))) }
    if let optimized = creation.routeOptimized { fields.append(("routeOptimized", .bool(optimized))) }
    return fields
  }

  // MARK: -

  private static func commented(_ lines: [String], _ value: YAMLValue) -> YAMLValue {
    lines.isEmpty ? value : .commented(lines, value)
  }

  private static func texts(_ texts: [String: String]) -> YAMLValue {
    .mapping(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
  }
}
