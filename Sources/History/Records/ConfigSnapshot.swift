package import CanonicalJSON
package import Endpoints
internal import Planning
package import Storage

/// An endpoint's config in the form in which it may be written to disk: secret references stay, plain environment
/// values are stored only as codes that prove them (``RedactionKey``).
package struct ConfigSnapshot: Hashable, Sendable {
  private let entities: [Entity]

  fileprivate struct Entity: Hashable, Sendable {
    /// The entity without its environment.
    let bare: ServedEntity
    let environment: [String: StoredValue]
  }

  fileprivate enum StoredValue: Hashable, Sendable {
    /// Stored as written: a secret reference, or the flags of the engine.
    case plain(String)
    /// The code of a value.
    case code(String)
  }

  /// Creates the snapshot of a config.
  package init(of config: EndpointConfig, key: RedactionKey) {
    entities = config.entities.map { entity in
      let environment = entity.environment.map { variable, value in
        let isPublic = PublicValue.isPublic(variable: variable, value: value)
        return (variable, isPublic ? .plain(value) : StoredValue.code(key.code(variable: variable, value: value)))
      }
      return Entity(bare: entity.with(environment: [:]), environment: Dictionary(uniqueKeysWithValues: environment))
    }
  }

  /// Returns the config. A redacted value is taken from the first of `candidates` (the manifest's config, the live one)
  /// that contains the variable with exactly the recorded value.
  ///
  /// - Throws: ``StorageError`` `cannotRestore`, which names every variable whose value is in none of them.
  package func restored(
    from candidates: [EndpointConfig], key: RedactionKey
  ) throws(StorageError) -> EndpointConfig {
    let known = candidates.flatMap(\.entities).flatMap { Array($0.environment) }
    var missing: Set<String> = []
    let restored = entities.map { entity in
      let values = entity.environment.compactMap { variable, stored -> (String, String)? in
        switch stored {
        case .plain(let value): return (variable, value)
        case .code(let code):
          let match = known.first { $0.key == variable && key.proves(code, variable: variable, value: $0.value) }
          if match == nil { missing.insert(variable) }
          return match.map { (variable, $0.value) }
        }
      }
      return entity.bare.with(environment: Dictionary(uniqueKeysWithValues: values))
    }
    guard missing.isEmpty else { throw Self.unknownValues(of: missing.sorted()) }
    return EndpointConfig(entities: restored)
  }

  /// Whether it contains codes instead of values.
  var isRedacted: Bool {
    entities.contains { entity in
      entity.environment.values.contains { if case .code = $0 { true } else { false } }
    }
  }

  /// The config without its environment.
  package var outline: EndpointConfig { EndpointConfig(entities: entities.map(\.bare)) }

  private static func unknownValues(of variables: [String]) -> StorageError {
    let names = variables.joined(separator: ", ")
    let one = variables.count == 1
    return StorageError(
      .cannotRestore,
      "the \(one ? "value" : "values") of the environment \(one ? "variable" : "variables") \(names) "
        + "\(one ? "is" : "are") not stored in the history, and neither the manifest nor the live config contains "
        + (one ? "it" : "them"),
      next: "restore the previous \(one ? "value" : "values") in the manifest, or use secret references for such "
        + "values: {{secrets/scope/key}}")
  }
}

extension ConfigSnapshot {
  private static let format: Int64 = 1

  package var json: JSONValue {
    .object(["format": .int(Self.format), "served_entities": .array(entities.map(\.json))])
  }

  /// Reads the output of ``json``.
  ///
  /// - Throws: ``StorageError`` `damaged`, or `newer` if this version does not know the format.
  package init(json: JSONValue) throws(StorageError) {
    guard let format = json["format"]?.intValue, let items = json["served_entities"]?.arrayValue else {
      throw StorageError(.damaged, "a recorded config is damaged: it has no format or no served entities")
    }
    guard format == Self.format else {
      throw StorageError(
        .newer, "a recorded config has format \(format), but this version of Setpoint reads \(Self.format)",
        next: "use the version of Setpoint that wrote it")
    }
    var entities: [Entity] = []
    for item in items { entities.append(try Entity(json: item)) }
    self.entities = entities
  }
}

extension ConfigSnapshot.Entity {
  fileprivate var json: JSONValue {
    var members: [String: JSONValue] = [
      "entity_name": .string(bare.entityName), "entity_version": .string(bare.entityVersion),
      "workload_type": .string(bare.workloadType), "scale_to_zero_enabled": .bool(bare.scaleToZero),
      "traffic_percentage": .int(Int64(bare.traffic)),
      "environment_vars": .object(
        environment.mapValues {
          switch $0 {
          case .plain(let value): ["value": .string(value)]
          case .code(let code): ["hmac": .string(code)]
          }
        }),
    ]
    if let name = bare.givenName { members["name"] = .string(name) }
    if let size = bare.workloadSize { members["workload_size"] = .string(size) }
    if let concurrency = bare.concurrency {
      members["min_provisioned_concurrency"] = .int(Int64(concurrency.min))
      members["max_provisioned_concurrency"] = .int(Int64(concurrency.max))
    }
    return .object(members)
  }

  fileprivate init(json: JSONValue) throws(StorageError) {
    guard
      let model = json["entity_name"]?.stringValue, let version = json["entity_version"]?.stringValue,
      let workloadType = json["workload_type"]?.stringValue, let scaleToZero = json["scale_to_zero_enabled"]?.boolValue,
      let traffic = json["traffic_percentage"]?.intValue.flatMap(Int.init(exactly:)),
      let variables = json["environment_vars"]?.objectValue
    else { throw StorageError(.damaged, "a recorded config is damaged: a served entity lacks a field") }
    var environment: [String: ConfigSnapshot.StoredValue] = [:]
    for (variable, stored) in variables {
      if let value = stored["value"]?.stringValue {
        environment[variable] = .plain(value)
      } else if let code = stored["hmac"]?.stringValue {
        environment[variable] = .code(code)
      } else {
        throw StorageError(.damaged, "a recorded config is damaged: the variable \(variable) has no value")
      }
    }
    self.init(
      bare: ServedEntity(
        name: json["name"]?.stringValue, entityName: model, entityVersion: version, workloadType: workloadType,
        workloadSize: json["workload_size"]?.stringValue, concurrency: ProvisionedConcurrency(recorded: json),
        scaleToZero: scaleToZero, traffic: traffic),
      environment: environment)
  }
}

extension EndpointConfig {
  /// The config without its environment.
  var outline: EndpointConfig { EndpointConfig(entities: entities.map { $0.with(environment: [:]) }) }
}

extension ServedEntity {
  fileprivate func with(environment: [String: String]) -> ServedEntity {
    ServedEntity(
      name: givenName, entityName: entityName, entityVersion: entityVersion, workloadType: workloadType,
      workloadSize: workloadSize, concurrency: concurrency, scaleToZero: scaleToZero, environment: environment,
      traffic: traffic)
  }
}

extension ProvisionedConcurrency {
  /// Returns nil for an entity with a size; versions before this one recorded neither for an entity sized by
  /// concurrency.
  fileprivate init?(recorded json: JSONValue) {
    guard let least = json["min_provisioned_concurrency"]?.intValue.flatMap(Int.init(exactly:)),
      let most = json["max_provisioned_concurrency"]?.intValue.flatMap(Int.init(exactly:))
    else { return nil }
    self.init(min: least, max: most)
  }
}
