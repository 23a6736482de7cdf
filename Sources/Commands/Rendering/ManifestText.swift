internal import CanonicalJSON
internal import Endpoints
internal import LibYAML
internal import Planning

/// A live endpoint as the manifest that describes it: what `get -o yaml` prints and `apply -f -` reads.
enum ManifestText {
  static func yaml(_ endpoint: ObservedEndpoint) -> YAMLValue {
    let config = (endpoint.active ?? endpoint.pending)?.config ?? EndpointConfig(entities: [])
    var spec: [(key: String, value: YAMLValue)] = []
    if let entity = config.entities.first, config.entities.count == 1 {
      spec += compute(entity)
      if let name = entity.givenName { spec = [("servedEntities", .sequence([.mapping(named(entity, name))]))] }
    } else if !config.entities.isEmpty {
      spec.append(
        ("servedEntities", .sequence(config.entities.map { .mapping(named($0, $0.givenName)) })))
    }
    let tags = endpoint.tags.filter { !FleetTags.isOwn($0.key) }
    if !tags.isEmpty { spec.append(("tags", texts(tags))) }
    if endpoint.isRetained { spec.append(("deletionPolicy", .string(DeletionPolicy.retain.rawValue))) }
    return .mapping([
      ("apiVersion", .string("serving.setpoint.dev/v1alpha1")), ("kind", .string("ServingEndpoint")),
      ("metadata", .mapping([("name", .string(endpoint.name))])), ("spec", .mapping(spec)),
    ])
  }

  /// Variables whose values are not printed: their names say that they are credentials.
  static func hiddenVariables(_ endpoint: ObservedEndpoint) -> [String] {
    let environments = (endpoint.active ?? endpoint.pending)?.config.entities.map(\.environment) ?? []
    return Set(
      environments.flatMap { $0 }.filter { CredentialNames.isCredential(variable: $0.key, value: $0.value) }.map(\.key)
    )
    .sorted()
  }

  private static func named(_ entity: ServedEntity, _ name: String?) -> [(key: String, value: YAMLValue)] {
    let head: [(key: String, value: YAMLValue)] = name.map { [("name", .string($0))] } ?? []
    return head + compute(entity) + [("traffic", .integer(entity.traffic))]
  }

  private static func compute(_ entity: ServedEntity) -> [(key: String, value: YAMLValue)] {
    var fields: [(key: String, value: YAMLValue)] = [
      ("model", .string(entity.entityName)), ("entityVersion", .string(entity.entityVersion)),
      ("workloadType", .string(entity.workloadType)),
    ]
    if let size = entity.workloadSize { fields.append(("size", .string(size))) }
    fields.append(("scaleToZero", .bool(entity.scaleToZero)))
    // A reference stands where a credential is not printed: it says what to do, and nothing wrong is sent by mistake.
    var environment = Dictionary(
      uniqueKeysWithValues: entity.environment.map { variable, value in
        let isHidden = CredentialNames.isCredential(variable: variable, value: value)
        return (variable, isHidden ? "{{secrets/your-scope/\(variable)}}" : value)
      })
    if let flags = environment.removeValue(forKey: EngineArguments.variable).flatMap(flags(in:)) {
      fields.append(("engine", engine(flags)))
    }
    if !environment.isEmpty { fields.append(("environment", texts(environment))) }
    return fields
  }

  /// A JSON list of texts; nil for anything else, which nobody but a stranger can have put there.
  private static func flags(in text: String) -> [String]? {
    guard let items = try? JSONValue(parsing: text).arrayValue else { return nil }
    let flags = items.compactMap(\.stringValue)
    return flags.count == items.count ? flags : nil
  }

  /// The flags under the names that a manifest has for them.
  private static func engine(_ flags: [String]) -> YAMLValue {
    var rest = flags[...]
    var fields: [(key: String, value: YAMLValue)] = []
    while let flag = rest.first, let value = rest.dropFirst().first, let field = field(flag, value) {
      fields.append(field)
      rest = rest.dropFirst(2)
    }
    if !rest.isEmpty { fields.append(("extraArgs", .sequence(rest.map { .string($0) }))) }
    return .mapping(fields)
  }

  private static func field(_ flag: String, _ value: String) -> (key: String, value: YAMLValue)? {
    switch flag {
    case "--dtype": ("dtype", .string(value))
    case "--max-model-len": Int(value).map { ("maxModelLen", .integer($0)) }
    case "--gpu-memory-utilization": Double(value).map { ("gpuMemoryUtilization", .float($0)) }
    default: nil
    }
  }

  private static func texts(_ texts: [String: String]) -> YAMLValue {
    .mapping(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
  }
}
