package import HTTPTypes
package import Hummingbird
import Synchronization

/// The methods that each path supports, for requests with another one.
package final class AllowedMethods: Sendable {
  private let routes = Mutex<[(path: RouterPath, method: HTTPRequest.Method)]>([])

  package init() {}

  /// Records the routes. Called once, when all of them exist.
  package func learn(_ all: [(path: RouterPath, method: HTTPRequest.Method)]) { routes.withLock { $0 = all } }

  /// The methods of a path, sorted; empty if the path does not exist.
  package func of(_ path: String) -> [HTTPRequest.Method] {
    let words = path.split(separator: "/")
    let methods = routes.withLock { $0 }.filter { route in
      route.path.components.count == words.count && zip(route.path.components, words).allSatisfy { $0 ~= $1 }
    }.map(\.method)
    return Set(methods).sorted { $0.rawValue < $1.rawValue }
  }
}
