/// Why a model version is still needed: as the model of an endpoint, or as one of its LoRA adapters.
struct VersionUses: Hashable, Sendable {
  private let version: ModelVersionID
  /// Clauses such as `endpoint "chat" serves it`, sorted.
  let clauses: [String]

  /// - Parameters:
  ///   - endpoints: all endpoints.
  ///   - previous: the configs to which endpoints would be rolled back, by the endpoint's ID.
  ///   - replicas: the launches of all replicas that have not ended, with the name of the endpoint.
  init(
    of version: ModelVersionID, endpoints: [EndpointRecord], previous: [String: PlaneConfig],
    replicas: [(endpoint: String, launch: LaunchConfig)]
  ) {
    var clauses: [String] = []
    var named: Set<String> = []
    for endpoint in endpoints {
      let active = endpoint.active?.entities.filter { $0.launch.needs(version) } ?? []
      let clause: String? =
        if active.contains(where: { $0.traffic > 0 }) {
          "serves it"
        } else if endpoint.update.target?.modelVersions.contains(version) == true {
          "is being updated to it"
        } else if !active.isEmpty {
          "keeps it without traffic"
        } else if previous[endpoint.id]?.modelVersions.contains(version) == true {
          "served it before its current config and may be rolled back to it"
        } else {
          nil
        }
      guard let clause else { continue }
      named.insert(endpoint.name)
      clauses.append("endpoint \"\(endpoint.name)\" \(clause)")
    }
    for replica in replicas where replica.launch.needs(version) {
      guard named.insert(replica.endpoint).inserted else { continue }
      clauses.append("a replica of endpoint \"\(replica.endpoint)\" that is being stopped runs it")
    }
    self.version = version
    self.clauses = clauses.sorted()
  }

  /// The refusal to delete the version; nil if nothing needs it.
  var refusal: ModelError? {
    guard !clauses.isEmpty else { return nil }
    return ModelError(
      code: .inUse,
      description: "version \(version.number) of model \"\(version.model)\" is in use: "
        + "\(clauses.joined(separator: "; ")); update or delete "
        + "\(clauses.count == 1 ? "this endpoint" : "these endpoints") first")
  }
}

extension LaunchConfig {
  fileprivate func needs(_ needed: ModelVersionID) -> Bool {
    modelVersion == needed || adapterVersions.contains(needed)
  }
}
