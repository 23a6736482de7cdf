package import Endpoints

/// Determines from observations alone whether an accepted update has finished (serving-api.md 2.6). Pure: polling,
/// waiting and giving up are the caller's.
package struct UpdateWait: Hashable, Sendable {
  /// The version that the write announced; nil if the response named none, in which case only the config's content
  /// tells.
  package let announcedVersion: Int64?
  /// The config that was sent.
  package let wanted: EndpointConfig

  package init(announcedVersion: Int64?, wanted: EndpointConfig) {
    self.announcedVersion = announcedVersion
    self.wanted = wanted
  }

  package enum Evaluation: Hashable, Sendable {
    /// In progress; with the served entities' messages, by entity name.
    case waiting([String: String])
    /// Active, ready and equal to the config that was sent.
    case done
    /// The provider gave up this update; with the served entities' messages, by entity name.
    case failed([String: String])
    /// A user canceled it.
    case cancelled
    /// Another config replaced it.
    case superseded
    /// The endpoint was deleted meanwhile.
    case vanished
  }

  /// Evaluates an observation of this update. `UPDATE_FAILED` and `UPDATE_CANCELED` remain until the next change: they
  /// count only if no other update can have left them.
  package func evaluate(_ observed: Observed) -> Evaluation {
    guard case .present(let endpoint) = observed else { return .vanished }
    if isOvertaken(endpoint) { return .superseded }
    switch endpoint.update {
    case .inProgress, .unknown: return .waiting(messages(of: endpoint))
    case .notUpdating: return evaluateSettled(endpoint)
    case .failed: return isActive(endpoint) ? evaluateSettled(endpoint) : .failed(messages(of: endpoint))
    case .canceled: return isActive(endpoint) ? evaluateSettled(endpoint) : .cancelled
    }
  }

  /// Returns the pause before the poll with that number, from 1: 1, 2, 3 and so on to 10 seconds.
  package static func pollInterval(_ poll: Int) -> Duration { .seconds(min(max(poll, 1), 10)) }

  private func evaluateSettled(_ endpoint: ObservedEndpoint) -> Evaluation {
    guard isActive(endpoint) else { return .waiting(messages(of: endpoint)) }
    return endpoint.readiness == .ready ? .done : .waiting(messages(of: endpoint))
  }

  private func isActive(_ endpoint: ObservedEndpoint) -> Bool {
    guard let active = endpoint.active, wanted.isMet(by: active.config) else { return false }
    return announcedVersion.map { active.version >= $0 } ?? true
  }

  /// Whether a later config with other content is active or in progress.
  private func isOvertaken(_ endpoint: ObservedEndpoint) -> Bool {
    guard let announcedVersion else { return false }
    if let pending = endpoint.pending, pending.version > announcedVersion { return true }
    if let active = endpoint.active, active.version >= announcedVersion { return !wanted.isMet(by: active.config) }
    return false
  }

  private func messages(of endpoint: ObservedEndpoint) -> [String: String] {
    (endpoint.pending ?? endpoint.active)?.deployments.mapValues { $0.message.isEmpty ? $0.state : $0.message } ?? [:]
  }
}
