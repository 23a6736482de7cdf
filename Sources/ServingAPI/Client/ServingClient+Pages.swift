internal import CanonicalJSON
internal import Durations

/// The limits on all pages of one list, whatever the server says: otherwise, a server that always names another page
/// would be queried forever.
package struct PageLimits: Hashable, Sendable {
  package var pages = 1000
  /// Bytes of all responses.
  package var bytes = 64 << 20
  /// Counted from the first page; a page already requested is still waited for.
  package var time: Duration = .seconds(300)

  package init() {}
}

extension ServingClient {
  /// Returns every item of a paged list. A page may be empty while more follow: only a missing token ends the list.
  ///
  /// - Throws: `ServingError`, also if the server repeats a token or the list exceeds the limits; `CancellationError`.
  package func allPages<Page: WireObject, Item: Sendable>(
    _ call: APICall, as type: Page.Type, limits: PageLimits = PageLimits(),
    read: (Page) -> (items: [Item], next: String?)
  ) async throws -> [Item] {
    var items: [Item] = []
    var seen: Set<String> = []
    var bytes = 0
    let start = elapsed()
    var call = call
    while true {
      let (object, size) = try await sizedObject(call, as: type)
      let page = read(object)
      items += page.items
      bytes += size
      guard let token = page.next, !token.isEmpty else { return items }
      guard seen.insert(token).inserted else {
        throw endless(call, "page \(seen.count + 1) has the same next page as an earlier one: \(token.shortened)")
      }
      let count = "after \(seen.count) pages with \(items.count) items"
      if seen.count >= limits.pages { throw endless(call, "the list has not ended \(count)") }
      if bytes > limits.bytes {
        throw endless(call, "the list has not ended \(count) and more than \(limits.bytes >> 20) MB")
      }
      let taken = elapsed() - start
      if taken > limits.time {
        throw endless(call, "the list has not ended \(count) and \(DurationText.text(taken))")
      }
      call.query = call.query.filter { $0.name != "page_token" } + [("page_token", token)]
    }
  }

  private func endless(_ call: APICall, _ message: String) -> ServingError {
    ServingError(
      kind: .unexpectedAnswer, status: 200, serverMessage: message, call: call.description,
      advice: "check that \(target.url) is the right server; a proxy may be responding instead")
  }
}

extension String {
  /// Enough of a page token to find it in a log.
  fileprivate var shortened: String { count > 40 ? "\"\(prefix(40))…\"" : "\"\(self)\"" }
}
