package import Endpoints

extension WireEndpoint {
  /// What the answer says of the endpoint. Any piece may be missing (serving-api.md 2.2): an endpoint without config,
  /// without tags, with states this version does not know.
  ///
  /// - Parameter requestedName: stands in where the answer names no endpoint.
  package func observed(as requestedName: String) -> ObservedEndpoint {
    let state = state ?? WireState()
    return ObservedEndpoint(
      name: name ?? requestedName, id: id ?? "", creator: creator, active: config?.observed,
      pending: pendingConfig?.observed, readiness: state.ready, update: state.configUpdate,
      tags: WireTag.dictionary(tags ?? []), lastUpdated: lastUpdatedTimestamp ?? 0, settings: settings)
  }

  /// The config version that an accepted create or update announced: the pending one, or the active one where a server
  /// has carried the change out already.
  package var announcedVersion: Int64? { pendingConfig?.configVersion ?? config?.configVersion }
}

extension WireConfig {
  /// Nil for the empty object that some servers send where no config has been activated.
  fileprivate var observed: ObservedConfig? {
    guard configVersion != nil || !entities.isEmpty else { return nil }
    return ObservedConfig(
      version: configVersion ?? 0, config: endpointConfig, deployments: deployments, startTime: startTime,
      unrepresented: unrepresentedMembers)
  }

  private var deployments: [String: ObservedConfig.Deployment] {
    Dictionary(
      entities.compactMap { entity in
        entity.state.map {
          (entity.resolvedName, ObservedConfig.Deployment(state: $0.deployment, message: $0.message))
        }
      }, uniquingKeysWith: { $1 })
  }
}
