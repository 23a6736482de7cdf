import Endpoints

/// An endpoint's config as the plane stores it: validated, with defaults filled in and entities sorted by name.
struct PlaneConfig: Hashable, Codable, Sendable {
  /// Incremented with every accepted change of the endpoint's config.
  let version: Int64
  /// The start of its rollout, in milliseconds since 1970.
  let startTime: Int64
  let entities: [PlaneEntity]

  func entity(named name: String) -> PlaneEntity? { entities.first { $0.name == name } }

  /// The launches that may be without replicas while there are no requests: those whose entities all scale to zero.
  var launchesScalingToZero: Set<String> {
    let kept = Set(entities.lazy.filter { !$0.scaleToZero }.map(\.launch.key))
    return Set(entities.lazy.filter(\.scaleToZero).map(\.launch.key)).subtracting(kept)
  }

  /// The settings that the config has for a plane; entities that carry any carry the same.
  var plane: PlaneArguments { entities.lazy.compactMap(\.plane).first ?? PlaneArguments() }
}

/// One served entity of a ``PlaneConfig``.
struct PlaneEntity: Hashable, Codable, Sendable {
  let name: String
  /// The registered model.
  let entityName: String
  /// The model version's number.
  let entityVersion: Int
  /// The version's task, such as `llm/v1/chat`.
  let task: String
  let workloadType: String
  /// `Small`, `Medium` or `Large`; nil if the entity is sized by concurrency.
  let workloadSize: String?
  let minConcurrency: Int?
  let maxConcurrency: Int?
  /// Whether its replicas stop while there are no requests.
  let scaleToZero: Bool
  let environment: [String: String]
  /// The percentage of the endpoint's traffic.
  let traffic: Int
  /// Milliseconds since 1970.
  let created: Int64

  /// The endpoint's settings for a plane, which the entity carries in a variable; nil if it carries none.
  var plane: PlaneArguments? {
    environment[PlaneArguments.variable].flatMap { try? PlaneArguments(parsing: $0) }
  }

  /// The launch config of its replicas. The settings for a plane are not part of it, so that a change of them starts no
  /// replica; nor does the engine get them.
  var launch: LaunchConfig {
    LaunchConfig(
      model: entityName, version: entityVersion, workloadType: workloadType,
      environment: environment.filter { $0.key != PlaneArguments.variable })
  }

  /// The least number of its replicas while it is awake: fixed by its size, or a quarter of the lower bound of its
  /// concurrency (serving-api.md 6.1).
  var leastReplicas: Int {
    switch workloadSize {
    case "Large": 4
    case "Medium": 2
    case nil: max(1, (minConcurrency ?? 4) / ReplicaRange.concurrencyOfReplica)
    default: 1
    }
  }

  /// The most replicas: a quarter of the upper bound of its concurrency.
  var mostReplicas: Int {
    guard workloadSize == nil, let maxConcurrency else { return leastReplicas }
    return max(leastReplicas, maxConcurrency / ReplicaRange.concurrencyOfReplica)
  }

  /// Whether the number of its replicas follows the load, between the two.
  var followsLoad: Bool { leastReplicas < mostReplicas }
}

/// An endpoint as the plane stores it.
struct EndpointRecord: Hashable, Sendable {
  /// 32 hex digits; an endpoint recreated under the same name has another ID.
  let id: String
  let name: String
  let creator: String
  /// Milliseconds since 1970.
  let created: Int64
  /// Milliseconds since 1970.
  var updated: Int64
  var description: String
  var tags: [String: String]
  /// The version of the next accepted config.
  var nextVersion: Int64 = 1
  /// The config that answers requests; nil until the first one is activated.
  var active: PlaneConfig?
  var update = ConfigUpdate.none
  /// The launches of the active config that are scaled to zero or being woken.
  var sleep: [String: SleepState] = [:]
  var settings = EndpointSettings()
}

/// The outcome of the last change of an endpoint's config.
enum ConfigUpdate: Hashable, Sendable {
  /// There was no change, or it is active.
  case none
  /// → none, failed
  case inProgress(PlaneConfig)
  /// Kept with its reason until the next change; what was active before still is. → inProgress
  case failed(PlaneConfig, entity: String, reason: String)

  /// The config being rolled out.
  var target: PlaneConfig? { if case .inProgress(let config) = self { config } else { nil } }

  /// The config being rolled out, or the one that failed.
  var config: PlaneConfig? {
    switch self {
    case .none: nil
    case .inProgress(let config), .failed(let config, _, _): config
    }
  }
}
