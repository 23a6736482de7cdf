/// A config of an endpoint as the plane keeps it: validated, defaults filled in, entities sorted by name.
struct PlaneConfig: Hashable, Codable, Sendable {
  /// Counts up with every accepted change of the endpoint's config.
  let version: Int64
  /// Milliseconds since 1970 at which its rollout began.
  let startTime: Int64
  let entities: [PlaneEntity]

  func entity(named name: String) -> PlaneEntity? { entities.first { $0.name == name } }
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
  /// `Small`, `Medium` or `Large`; nil where the entity is sized by concurrency.
  let workloadSize: String?
  let minConcurrency: Int?
  let maxConcurrency: Int?
  /// Accepted and answered; replicas are not stopped when idle.
  let scaleToZero: Bool
  let environment: [String: String]
  /// Per cent of the endpoint's traffic.
  let traffic: Int
  /// Milliseconds since 1970.
  let created: Int64

  /// What its replicas are launched from.
  var launch: LaunchConfig {
    LaunchConfig(model: entityName, version: entityVersion, workloadType: workloadType, environment: environment)
  }

  /// How many replicas it has: fixed by its size, or a quarter of the lower bound of its concurrency
  /// (serving-api.md 6.1).
  var replicas: Int {
    switch workloadSize {
    case "Large": 4
    case "Medium": 2
    case nil: max(1, (minConcurrency ?? 4) / 4)
    default: 1
    }
  }
}

/// An endpoint as the plane keeps it.
struct EndpointRecord: Hashable, Sendable {
  /// 32 hex digits; another one under the same name is another endpoint.
  let id: String
  let name: String
  let creator: String
  /// Milliseconds since 1970.
  let created: Int64
  /// Milliseconds since 1970.
  var updated: Int64
  var description: String
  var tags: [String: String]
  /// The version the next accepted config gets.
  var nextVersion: Int64 = 1
  /// The config that answers requests; nil until a first one has been activated.
  var active: PlaneConfig?
  var update = ConfigUpdate.none
}

/// The outcome of the last change of an endpoint's config.
enum ConfigUpdate: Hashable, Sendable {
  /// There was none, or it is in force.
  case none
  /// → none, failed
  case inProgress(PlaneConfig)
  /// Stays until the next change, the reason with it; what was active before still is. → inProgress
  case failed(PlaneConfig, entity: String, reason: String)

  /// The config being rolled out.
  var target: PlaneConfig? { if case .inProgress(let config) = self { config } else { nil } }

  /// The config being rolled out, or the one that failed to.
  var config: PlaneConfig? {
    switch self {
    case .none: nil
    case .inProgress(let config), .failed(let config, _, _): config
    }
  }
}
