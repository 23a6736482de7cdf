import HTTPTypes
import Hummingbird
import Synchronization

/// Which methods a path has, for those who ask with another one.
final class AllowedMethods: Sendable {
  private let routes = Mutex<[(path: RouterPath, method: HTTPRequest.Method)]>([])

  /// Told once, when all routes are there.
  func learn(_ all: [(path: RouterPath, method: HTTPRequest.Method)]) { routes.withLock { $0 = all } }

  /// Sorted; empty where there is no such path.
  func of(_ path: String) -> [HTTPRequest.Method] {
    let words = path.split(separator: "/")
    let methods = routes.withLock { $0 }.filter { route in
      route.path.components.count == words.count && zip(route.path.components, words).allSatisfy { $0 ~= $1 }
    }.map(\.method)
    return Set(methods).sorted { $0.rawValue < $1.rawValue }
  }
}
