import HTTPSupport
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

@Suite struct EventLoopExecutionTests {
  @Test func `requests are handled on their connection's event loop, and off it on request`() async throws {
    let router = Router(context: GatewayContext.self)
    let isOnLoop: @Sendable (Request, GatewayContext) async -> String = { _, context in
      // Also after a real suspension.
      try? await context.channel.eventLoop.flatSubmit { context.channel.eventLoop.makeSucceededVoidFuture() }.get()
      return String(context.channel.eventLoop.inEventLoop)
    }
    router.get("on", use: isOnLoop)
    router.group().add(middleware: ThreadPoolMiddleware()).get("off", use: isOnLoop)
    try await withServer(router, .http1(clients: ClientConnections(), isLoopBound: true)) { port in
      let client = TestClient(port: port)
      let answers = try await [client.post("/on", "", method: .GET).body, client.post("/off", "", method: .GET).body]
      #expect(answers == ["true", "false"])
    }
  }
}
