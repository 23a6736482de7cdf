import CanonicalJSON

/// One model version with its compute in an endpoint, in the serving API's terms.
package struct ServedEntity: Hashable, Sendable {
  /// The name that the manifest gave; nil for the server's default. A live name equal to the default also counts as
  /// nil, so that both spellings are one value.
  package private(set) var givenName: String?
  /// The registered model: `catalog.schema.name`, or a bare registry name.
  package let entityName: String
  /// The version number as text: the API requires a JSON string (serving-api.md Q4).
  package let entityVersion: String
  /// The API's name for the accelerator, such as `GPU_MEDIUM`. An open string.
  package let workloadType: String
  /// `Small`, `Medium`, `Large` or a workspace's own size; nil if ``concurrency`` is set.
  package let workloadSize: String?
  /// The concurrency, instead of a size; the two exclude each other (serving-api.md Q5).
  package let concurrency: ProvisionedConcurrency?
  package let scaleToZero: Bool
  /// The model server's environment; secret references stay references (`{{secrets/scope/key}}`).
  package private(set) var environment: [String: String]
  /// The percentage of the endpoint's traffic, 0...100.
  package private(set) var traffic: Int

  /// - Parameter concurrency: takes precedence; `workloadSize` is then ignored, because servers return one that nobody
  ///   chose (serving-api.md Q16).
  package init(
    name: String? = nil, entityName: String, entityVersion: String, workloadType: String = "CPU",
    workloadSize: String? = "Small", concurrency: ProvisionedConcurrency? = nil, scaleToZero: Bool = false,
    environment: [String: String] = [:], traffic: Int = 100
  ) {
    self.entityName = entityName
    self.entityVersion = entityVersion
    self.workloadType = workloadType
    self.workloadSize = concurrency == nil ? workloadSize : nil
    self.concurrency = concurrency
    self.scaleToZero = scaleToZero
    self.environment = environment
    self.traffic = traffic
    self.givenName = name.flatMap {
      $0 == Self.defaultName(entityName: entityName, entityVersion: entityVersion) ? nil : $0
    }
  }

  /// The size for people: `Small`, or `concurrency 4-8`; nil if unknown.
  package var sizeText: String? { workloadSize ?? concurrency.map { "concurrency \($0)" } }

  /// The entity's name at the server: the given one, else the default.
  package var name: String {
    givenName ?? Self.defaultName(entityName: entityName, entityVersion: entityVersion)
  }

  /// Returns the server's default name: the model's last segment, a dash and the version, at most 63 characters.
  /// Served-entity names allow only letters, digits, `-` and `_`, so anything else becomes `-` (serving-api.md Q13).
  package static func defaultName(entityName: String, entityVersion: String) -> String {
    let segment = entityName.split(separator: ".").last.map(String.init) ?? entityName
    let suffix = "-" + entityVersion
    let letters = segment.unicodeScalars.prefix(max(1, 63 - suffix.utf8.count)).map { scalar in
      scalar.isASCII && UInt8(ascii: scalar).isNameByte ? UInt8(ascii: scalar) : UInt8(ascii: "-")
    }
    return String(decoding: letters, as: UTF8.self) + suffix
  }

  /// Returns the entity with the name of `other`, for the one comparison in which names may differ without drift.
  func named(like other: ServedEntity) -> ServedEntity {
    var copy = self
    copy.givenName = other.givenName
    return copy
  }

  /// Returns the entity with another share of the traffic and, if given, another name, as a rollout in steps sends it.
  package func serving(_ traffic: Int, as name: String? = nil) -> ServedEntity {
    var copy = self
    copy.traffic = traffic
    if let name {
      copy.givenName = name == Self.defaultName(entityName: entityName, entityVersion: entityVersion) ? nil : name
    }
    return copy
  }

  /// Returns the entity with the plane's settings of `other`, which are the endpoint's, not a version's; without any
  /// if it is nil.
  package func sharingPlane(of other: ServedEntity?) -> ServedEntity {
    var copy = self
    copy.environment[PlaneArguments.variable] = other?.environment[PlaneArguments.variable]
    return copy
  }

  /// The entity without its adapters if their variable has a value that no manifest writes; nil if it has none.
  package var withoutInvalidAdapters: ServedEntity? {
    guard let value = environment[EngineAdapters.variable], (try? EngineAdapters(parsing: value)) == nil else {
      return nil
    }
    var copy = self
    copy.environment[EngineAdapters.variable] = nil
    return copy
  }

  /// Writes the entity's part of a digest: every field that makes a rollout; the default name is omitted.
  func write(to writer: inout CanonicalWriter) {
    writer.object { writer in
      writer.member("entity_name", entityName)
      writer.member("entity_version", entityVersion)
      if !environment.isEmpty {
        writer.key("environment_vars")
        writer.object(environment)
      }
      if let concurrency {
        writer.member("max_provisioned_concurrency", concurrency.max)
        writer.member("min_provisioned_concurrency", concurrency.min)
      }
      if let givenName { writer.member("name", givenName) }
      writer.member("scale_to_zero_enabled", scaleToZero)
      writer.member("traffic_percentage", traffic)
      if let workloadSize { writer.member("workload_size", workloadSize) }
      writer.member("workload_type", workloadType)
    }
  }
}
