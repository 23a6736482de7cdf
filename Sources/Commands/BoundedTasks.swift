/// Runs `transform` on each item, at most `limit` at a time, and gives the results in the order of the items. The first
/// error ends the rest and is thrown.
func mapConcurrently<Item: Sendable, Result: Sendable>(
  _ items: [Item], limit: Int, _ transform: @escaping @Sendable (Item) async throws -> Result
) async throws -> [Result] {
  try await withThrowingTaskGroup(of: (Int, Result).self) { group in
    var results: [Int: Result] = [:]
    var rest = items.enumerated().makeIterator()
    func begin() {
      guard let (index, item) = rest.next() else { return }
      group.addTask { (index, try await transform(item)) }
    }
    for _ in 0..<max(1, limit) { begin() }
    while let (index, result) = try await group.next() {
      results[index] = result
      begin()
    }
    return items.indices.compactMap { results[$0] }
  }
}
