import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A receiver of OTLP/HTTP that takes everything.
final class OTLPCollector: Sendable {
  private let bodies = Mutex<[String: String]>([:])

  /// What was sent to a path.
  func text(_ path: String) -> String { bodies.withLock { $0[path] ?? "" } }

  private func answer(_ request: Request) async throws -> Response {
    let path = request.uri.path
    var request = request
    let body = String(buffer: try await request.collectBody(upTo: 16 << 20))
    bodies.withLock { $0[path, default: ""] += body + "\n" }
    return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "{}")))
  }

  /// Receives while `body` runs, which gets the port.
  func run(_ body: @escaping @Sendable (Int) async throws -> Void) async throws {
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in try await self.answer(request) },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { announce.yield($0.localAddress?.port ?? 0) },
      logger: Logger(label: "collector") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        try await application.run()
        return false
      }
      tasks.addTask {
        guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
        try await body(port)
        return true
      }
      defer { tasks.cancelAll() }
      while let isDone = try await tasks.next() { if isDone { return } }
      throw CancellationError()
    }
  }
}
