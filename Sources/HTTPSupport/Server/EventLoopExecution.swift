package import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1

/// Runs tasks on an event loop, so that a task that waits for the loop and responds through it never changes threads.
private final class EventLoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}

/// An HTTP/1.1 connection that enforces its caller's limits; see ``ClientConnectionHandler``.
///
/// Its requests can be handled on its own event loop. No thread switch then happens between a client's bytes and a
/// replica's; on a busy machine a switch costs more than the rest of the gateway. Blocking work goes elsewhere; see
/// ``ThreadPoolMiddleware``.
package struct ClientHTTPChannel: ServerChildChannel {
  package typealias Value = HTTP1Channel.Value

  private let base: HTTP1Channel
  private let clients: ClientConnections
  private let isLoopBound: Bool

  package init(_ base: HTTP1Channel, clients: ClientConnections, isLoopBound: Bool) {
    self.base = base
    self.clients = clients
    self.isLoopBound = isLoopBound
  }

  package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      // Each connection permanently keeps a buffer of this size.
      let allocator = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: 4096)
      try channel.syncOptions?.setOption(.recvAllocator, value: allocator)
      try channel.pipeline.syncOperations.addHandler(ClientDisconnectHandler(), position: .first)
    }.flatMap { base.setup(channel: channel, logger: logger) }
      .flatMapThrowing { value in
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(ClientConnectionHandler(clients), position: .after(decoder))
        return value
      }
  }

  package func handle(value: Value, logger: Logger) async {
    guard isLoopBound else { return await base.handle(value: value, logger: logger) }
    await withTaskExecutorPreference(EventLoopTaskExecutor(value.channel.eventLoop)) {
      await base.handle(value: value, logger: logger)
    }
  }
}

extension HTTPServerBuilder {
  /// A server that enforces its callers' limits.
  ///
  /// - Parameter isLoopBound: whether requests are handled on their connection's event loop, which suits the gateway's
  ///   routes best.
  package static func http1(clients: ClientConnections, isLoopBound: Bool = false) -> HTTPServerBuilder {
    HTTPServerBuilder { responder in
      ClientHTTPChannel(HTTP1Channel(responder: responder), clients: clients, isLoopBound: isLoopBound)
    }
  }
}

/// Handles requests on the general thread pool: for routes that read files, query a database or compute, in a server
/// whose connections are ``ClientHTTPChannel``s.
package struct ThreadPoolMiddleware<Context: RequestContext>: RouterMiddleware {
  package init() {}

  package func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    try await withTaskExecutorPreference(globalConcurrentExecutor) { try await next(request, context) }
  }
}
