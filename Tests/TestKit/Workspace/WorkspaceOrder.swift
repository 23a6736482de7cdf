/// The order in which a server returns unordered items (serving-api.md Q22, 1.2).
package enum WorkspaceOrder: Hashable, Sendable {
  case asSent
  /// By name, as the workspace sorts served entities.
  case alphabetical
  case descending
  /// A different order for each response, and always the same for a seed.
  case random(seed: UInt64)

  /// - Parameter salt: distinguishes responses.
  func sorted<Item>(_ items: [Item], salt: UInt64, by key: (Item) -> String) -> [Item] {
    switch self {
    case .asSent: return items
    case .alphabetical: return items.sorted { key($0) < key($1) }
    case .descending: return items.sorted { key($0) > key($1) }
    case .random(let seed):
      var generator = SeededGenerator(seed: seed &+ salt &* 0x9E37_79B9_7F4A_7C15)
      return items.shuffled(using: &generator)
    }
  }
}
