import HTTPTypes
import Hummingbird
import LibCurl
import Testing

@testable import Controller

/// Who may make which call, for every route of the controller's listener, as its router lists them.
@Suite struct ListenerAccessTableTests {
  private let harness = ListenerHarness()

  private var routes: [(method: String, path: String, rule: ListenerRoutes.Rule?)] {
    let routes = ListenerRoutes(
      calls: harness.calls(), access: ListenerAccess(host: "127.0.0.1"), token: { .none }, maximumHookBody: 1,
      log: ListenerHarness.silent)
    return routes.router.routes.map { route in
      let path = route.path.description
      return (route.method.rawValue, path, ListenerRoutes.rule(of: route.method, path))
    }
  }

  @Test func `every route of the listener has a rule`() {
    #expect(routes.count > 8)
    for route in routes { #expect(route.rule != nil, "\(route.method) \(route.path) has no rule") }
    // What changes something is open to nobody.
    for route in routes where !["GET", "HEAD"].contains(route.method) { #expect(route.rule != .open, "\(route.path)") }
  }

  /// The header of a sender, and which rules it meets.
  private static let senders: [(header: LibCurl.HTTPField?, may: Set<ListenerRoutes.Rule>)] = [
    (nil, [.open]), (LibCurl.HTTPField("Authorization", "Bearer wrong"), [.open]),
    (ListenerHarness.bearer, [.open, .token]),
    (LibCurl.HTTPField("X-Hub-Signature-256", "sha256=good"), [.open, .signed]),
  ]

  @Test func `every sender gets from every route of the listener what its rule says`() async throws {
    let routes = routes
    try await harness.run { [harness] url, _ in
      for (method, path, rule) in routes {
        for (header, may) in Self.senders {
          let rule = try #require(rule, "\(method) \(path)")
          let answer = try await harness.send(
            method, url + path, headers: header.map { [$0] } ?? [], body: method == "POST" ? [] : nil)
          let isRefused = answer.status == 401 || answer.status == 403
          #expect(isRefused != may.contains(rule), "\(method) \(path): \(answer.status) \(answer.text)")
        }
      }
    }
  }
}
