package import Endpoints

extension WireEndpoint {
  /// Returns the endpoint in the response. Any part may be missing (serving-api.md 2.2): an endpoint may have no
  /// config, no tags, or states that this version does not know.
  ///
  /// - Parameter requestedName: used if the response does not name the endpoint.
  package func observed(as requestedName: String) -> ObservedEndpoint {
    let state = state ?? WireState()
    return ObservedEndpoint(
      name: name ?? requestedName, id: id ?? "", creator: creator, active: config?.observed,
      pending: pendingConfig?.observed, readiness: state.ready, update: state.configUpdate,
      tags: WireTag.dictionary(tags ?? []), lastUpdated: lastUpdatedTimestamp ?? 0, settings: settings)
  }

  /// The config version that an accepted create or update announced: the pending one, or the active one if a server has
  /// already carried out the change.
  package var announcedVersion: Int64? { pendingConfig?.configVersion ?? config?.configVersion }
}

extension WireConfig {
  /// Nil for the empty object that some servers send if no config has been activated.
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
