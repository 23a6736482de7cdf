import HTTPSupport
import Synchronization

/// The permissions that are granted on single endpoints, for decisions about requests: read from any thread, without
/// waiting for a change of an endpoint.
final class EndpointGrants: Sendable {
  private struct Entry: Sendable {
    let id: String
    /// By the principal's name in lower case.
    var named: [String: EndpointLevel] = [:]
    var groups: [String: EndpointLevel] = [:]

    func level(of principal: Principal) -> EndpointLevel? {
      var level = named.isEmpty ? nil : named[principal.name.lowercased()]
      guard !groups.isEmpty else { return level }
      for group in principal.groups {
        guard let granted = groups[group] else { continue }
        level = level.map { max($0, granted) } ?? granted
      }
      return level
    }
  }

  private struct State {
    /// By the endpoint's name.
    var entries: [String: Entry] = [:]
    /// The names of endpoints by ID.
    var names: [String: String] = [:]
  }

  private let state = Mutex(State())

  /// Replaces the grants on an endpoint.
  func set(_ grants: [EndpointGrant], of id: String, named name: String) {
    var entry = Entry(id: id)
    for grant in grants {
      switch grant.kind {
      case .user, .servicePrincipal:
        let name = grant.name.lowercased()
        entry.named[name] = max(entry.named[name] ?? grant.level, grant.level)
      case .group: entry.groups[grant.name] = max(entry.groups[grant.name] ?? grant.level, grant.level)
      }
    }
    state.withLock { [entry] state in
      state.entries[name] = entry
      state.names[id] = name
    }
  }

  /// Forgets a deleted endpoint.
  func remove(_ id: String) {
    state.withLock { state in
      guard let name = state.names.removeValue(forKey: id), state.entries[name]?.id == id else { return }
      state.entries[name] = nil
    }
  }

  /// What is granted to a principal on an endpoint; nil for nothing.
  func level(of principal: Principal, on endpoint: String) -> EndpointLevel? {
    state.withLock { $0.entries[endpoint]?.level(of: principal) }
  }

  /// Whether the principal may change any endpoint by a grant.
  func manageAny(_ principal: Principal) -> Bool {
    state.withLock { state in state.entries.values.contains { $0.level(of: principal) == .manage } }
  }

  /// The name of an endpoint; nil for an unknown ID.
  func name(ofID id: String) -> String? { state.withLock { $0.names[id] } }

  func exists(_ endpoint: String) -> Bool { state.withLock { $0.entries[endpoint] != nil } }
}
