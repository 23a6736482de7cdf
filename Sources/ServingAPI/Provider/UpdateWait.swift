package import Endpoints

/// Judges from observations alone whether an accepted update is through (serving-api.md 2.6). Pure: who polls, waits
/// and gives up is another matter.
package struct UpdateWait: Hashable, Sendable {
  /// What the write announced; nil where its answer named no version, and then only the config's content tells.
  package let announcedVersion: Int64?
  /// What was sent.
  package let wanted: EndpointConfig

  package init(announcedVersion: Int64?, wanted: EndpointConfig) {
    self.announcedVersion = announcedVersion
    self.wanted = wanted
  }

  package enum Judgement: Hashable, Sendable {
    /// Not through; with the served entities' words, by entity name.
    case waiting([String: String])
    /// Active, ready and equal to what was sent.
    case done
    /// The provider gave this update up; with the served entities' words, by entity name.
    case failed([String: String])
    /// A person cancelled it.
    case cancelled
    /// Another config took its place.
    case superseded
    /// The endpoint was deleted meanwhile.
    case vanished
  }

  /// What an observation says of this update. `UPDATE_FAILED` and `UPDATE_CANCELED` stay until the next change: they count
  /// only where no other update than this one can have left them.
  package func judge(_ observed: Observed) -> Judgement {
    guard case .present(let endpoint) = observed else { return .vanished }
    if isOvertaken(endpoint) { return .superseded }
    switch endpoint.update {
    case .inProgress, .unknown: return .waiting(words(of: endpoint))
    case .notUpdating: return judgeSettled(endpoint)
    case .failed: return isActive(endpoint) ? judgeSettled(endpoint) : .failed(words(of: endpoint))
    case .canceled: return isActive(endpoint) ? judgeSettled(endpoint) : .cancelled
    }
  }

  /// The pause before the poll of that number, from 1: 1, 2, 3 and so on to 10 seconds.
  package static func pollInterval(_ poll: Int) -> Duration { .seconds(min(max(poll, 1), 10)) }

  private func judgeSettled(_ endpoint: ObservedEndpoint) -> Judgement {
    guard isActive(endpoint) else { return .waiting(words(of: endpoint)) }
    return endpoint.readiness == .ready ? .done : .waiting(words(of: endpoint))
  }

  private func isActive(_ endpoint: ObservedEndpoint) -> Bool {
    guard let active = endpoint.active, wanted.isMet(by: active.config) else { return false }
    return announcedVersion.map { active.version >= $0 } ?? true
  }

  /// Whether a later config than this one is active with another content, or is on its way.
  private func isOvertaken(_ endpoint: ObservedEndpoint) -> Bool {
    guard let announcedVersion else { return false }
    if let pending = endpoint.pending, pending.version > announcedVersion { return true }
    if let active = endpoint.active, active.version >= announcedVersion { return !wanted.isMet(by: active.config) }
    return false
  }

  private func words(of endpoint: ObservedEndpoint) -> [String: String] {
    (endpoint.pending ?? endpoint.active)?.deployments.mapValues { $0.message.isEmpty ? $0.state : $0.message } ?? [:]
  }
}
