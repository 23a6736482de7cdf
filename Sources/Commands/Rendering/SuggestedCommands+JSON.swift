internal import CanonicalJSON

extension SuggestedCommands {
  /// Returns a document with the commands completed that its messages suggest. Everything else is data, such as names
  /// and what a provider reports, and is not changed.
  func completed(_ document: JSONValue) -> JSONValue {
    switch document {
    case .array(let items): .array(items.map { completed($0) })
    case .object:
      document.mapMembers { key, value in
        Self.messages.contains(key) ? completed(message: value) : completed(value)
      }
    case .null, .bool, .int, .double, .string: document
    }
  }

  /// Completes a text, or each text of a list.
  private func completed(message: JSONValue) -> JSONValue {
    switch message {
    case .string(let text): .string(completed(text))
    case .array(let items): .array(items.map { completed(message: $0) })
    case .null, .bool, .int, .double, .object: message
    }
  }

  /// The members of our documents that contain messages.
  private static let messages: Set<String> = [
    "blockedBy", "blockedDeletions", "degraded", "detail", "next", "problems", "warnings", "why",
  ]
}
