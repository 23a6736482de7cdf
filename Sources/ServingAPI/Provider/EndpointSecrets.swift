internal import CanonicalJSON
internal import Endpoints
internal import Synchronization

/// What no words on an endpoint may repeat: the values of its environment that are not public, as they were sent or read.
/// Every call for an endpoint takes them along, so that they are out of whatever is said before anybody keeps it.
final class EndpointSecrets: Sendable {
  private let known = Mutex<[String: [String]]>([:])

  /// An endpoint's configs change; what an old one held may still be spoken of. The newest are kept.
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
  /// The same with what people read in it, such as a deployment's message, changed; names and settings stay.
  func withWords(_ change: (String) -> String, key: String = "") -> JSONValue {
    switch self {
    case .string(let text) where Self.isWords(key): .string(change(text))
    case .array(let items): .array(items.map { $0.withWords(change, key: key) })
    case .object(let members):
      .object(
        Dictionary(
          uniqueKeysWithValues: members.map { key, value in
            (key, key == "environment_vars" ? value : value.withWords(change, key: key))
          }))
    default: self
    }
  }

  private static func isWords(_ key: String) -> Bool {
    ["message", "reason", "error", "detail", "logs"].contains { key.contains($0) }
  }
}
