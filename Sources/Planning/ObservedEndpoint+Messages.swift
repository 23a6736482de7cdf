package import Endpoints

extension ObservedEndpoint {
  /// The messages of the served entities that are not ready, of the pending config if there is one.
  package var deploymentMessages: String {
    let deployments = (pending ?? active)?.deployments ?? [:]
    return deployments.sorted { $0.key < $1.key }
      .filter { $0.value.state != "DEPLOYMENT_READY" }
      .map { "\($0.key): \($0.value.message.isEmpty ? $0.value.state : $0.value.message)" }
      .joined(separator: "; ")
  }
}
