internal import CanonicalJSON
internal import Endpoints
internal import Synchronization

/// The secrets that no message about an endpoint may repeat: its environment's non-public values, as sent or read.
/// Every call for an endpoint includes them, so that they are removed from texts before anything stores these.
final class EndpointSecrets: Sendable {
  private let known = Mutex<[String: [String]]>([:])

  /// An endpoint's configs change; messages may still contain an old one's values. The newest are kept.
  private static let most = 200

  func keep(_ values: [String], of name: String) {
    guard !values.isEmpty else { return }
    known.withLock { known in
      let former = known[name] ?? []
      let new = values.filter { !former.contains($0) }
      if !new.isEmpty { known[name] = (former + new).suffix(Self.most) }
    }
  }

  func values(of name: String) -> [String] { known.withLock { $0[name] ?? [] } }
}

extension JSONValue {
  /// Returns the JSON with texts for people, such as a deployment's message, changed; names and settings are kept.
  func withWords(_ change: (String) -> String, key: String = "") -> JSONValue {
    switch self {
    case .string(let text) where Self.isWords(key): .string(change(text))
    case .array(let items): .array(items.map { $0.withWords(change, key: key) })
    case .object: mapMembers { $0 == "environment_vars" ? $1 : $1.withWords(change, key: $0) }
    default: self
    }
  }

  private static func isWords(_ key: String) -> Bool {
    ["message", "reason", "error", "detail", "logs"].contains { key.contains($0) }
  }
}
