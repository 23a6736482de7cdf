/// Runs `transform` on each item, at most `limit` at a time, and returns the results in the order of the items. The
/// first error cancels the rest and is thrown.
package func mapConcurrently<Item: Sendable, Result: Sendable>(
  _ items: [Item], limit: Int, _ transform: @escaping @Sendable (Item) async throws -> Result
) async throws -> [Result] {
  try await withThrowingTaskGroup(of: (Int, Result).self) { group in
    var results = [Result?](repeating: nil, count: items.count)
    var next = 0
    func start() {
      guard next < items.count else { return }
      let index = next
      next += 1
      group.addTask { (index, try await transform(items[index])) }
    }
    for _ in 0..<max(1, limit) { start() }
    while let (index, result) = try await group.next() {
      results[index] = result
      start()
    }
    return results.compactMap(\.self)
  }
}
