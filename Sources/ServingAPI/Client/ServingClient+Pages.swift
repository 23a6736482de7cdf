extension ServingClient {
  /// Every item of a paged answer. A page may be empty while more follow: only a missing token ends the list.
  ///
  /// - Throws: `ServingError`, also where the server repeats a token, which would never end; `CancellationError`.
  package func allPages<Page: WireObject, Item: Sendable>(
    _ call: APICall, as type: Page.Type, read: (Page) -> (items: [Item], next: String?)
  ) async throws -> [Item] {
    var items: [Item] = []
    var seen: Set<String> = []
    var call = call
    while true {
      let page = read(try await object(call, as: type))
      items += page.items
      guard let token = page.next, !token.isEmpty else { return items }
      guard seen.insert(token).inserted else {
        throw ServingError(
          kind: .unexpectedAnswer, status: 200, serverMessage: "the list's pages repeat themselves",
          call: call.description)
      }
      call.query = call.query.filter { $0.name != "page_token" } + [("page_token", token)]
    }
  }
}
