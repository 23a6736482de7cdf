import HTTPSupport
import HTTPTypes
import Hummingbird
import Testing

@Suite struct AllowedMethodsTests {
  @Test(
    arguments: [
      ("/status", ["GET", "HEAD"]), ("/status/", ["GET", "HEAD"]), ("/models/a", ["DELETE", "GET"]), ("/models", []),
      ("/models/a/b", []), ("/", []),
    ] as [(String, [String])])
  func `the methods of a path are those of its routes, sorted`(path: String, methods: [String]) {
    let router = Router()
    router.get("/status") { _, _ in "" }
    router.head("/status") { _, _ in "" }
    router.get("/models/{name}") { _, _ in "" }
    router.delete("/models/{name}") { _, _ in "" }
    let allowed = AllowedMethods()
    allowed.learn(router.routes.map { ($0.path, $0.method) })
    #expect(allowed.of(path).map(\.rawValue) == methods)
  }
}
