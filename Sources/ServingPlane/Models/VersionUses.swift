/// Why a model version is still needed.
struct VersionUses: Hashable, Sendable {
  /// Clauses such as `endpoint 'chat' serves it`, sorted.
  let clauses: [String]

  /// - Parameters:
  ///   - endpoints: all endpoints.
  ///   - previous: the configs to which endpoints would be rolled back, by the endpoint's ID.
  ///   - replicas: the launches of all replicas that have not ended, with the name of the endpoint.
  init(
    of model: String, _ number: Int, endpoints: [EndpointRecord], previous: [String: PlaneConfig],
    replicas: [(endpoint: String, launch: LaunchConfig)]
  ) {
    func entities(_ config: PlaneConfig?) -> [PlaneEntity] {
      config?.entities.filter { $0.entityName == model && $0.entityVersion == number } ?? []
    }
    var clauses: [String] = []
    var named: Set<String> = []
    for endpoint in endpoints {
      let active = entities(endpoint.active)
      let clause: String? =
        if active.contains(where: { $0.traffic > 0 }) {
          "serves it"
        } else if !entities(endpoint.update.target).isEmpty {
          "is being updated to it"
        } else if !active.isEmpty {
          "keeps it without traffic"
        } else if !entities(previous[endpoint.id]).isEmpty {
          "served it before its current config and may be rolled back to it"
        } else {
          nil
        }
      guard let clause else { continue }
      named.insert(endpoint.name)
      clauses.append("endpoint '\(endpoint.name)' \(clause)")
    }
    for replica in replicas where replica.launch.model == model && replica.launch.version == number {
      guard named.insert(replica.endpoint).inserted else { continue }
      clauses.append("a replica of endpoint '\(replica.endpoint)' that is being stopped runs it")
    }
    self.clauses = clauses.sorted()
  }

  /// The refusal to delete the version; nil if nothing needs it.
  func refusal(_ model: String, _ number: Int) -> ModelError? {
    guard !clauses.isEmpty else { return nil }
    return ModelError(
      code: .inUse,
      description: "Version \(number) of model '\(model)' is in use: \(clauses.joined(separator: "; ")). "
        + "Update or delete \(clauses.count == 1 ? "this endpoint" : "these endpoints") first.")
  }
}
