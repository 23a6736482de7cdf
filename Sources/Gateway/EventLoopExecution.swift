package import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore

/// Runs tasks on an event loop, so that a task that waits for the loop and answers through it changes no thread.
private final class EventLoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}

/// An HTTP/1.1 connection whose requests are handled on its own event loop. Between a client's bytes and a replica's there is
/// then no change of thread, which on a busy machine costs more than all the rest of the gateway.
///
/// What may block goes elsewhere; see ``OffEventLoop``.
package struct LoopBoundHTTPChannel: ServerChildChannel {
  package typealias Value = HTTP1Channel.Value

  private let base: HTTP1Channel

  package init(_ base: HTTP1Channel) { self.base = base }

  package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandler(ClientPresence(), position: .first)
    }.flatMap { base.setup(channel: channel, logger: logger) }
  }

  package func handle(value: Value, logger: Logger) async {
    await withTaskExecutorPreference(EventLoopTaskExecutor(value.channel.eventLoop)) {
      await base.handle(value: value, logger: logger)
    }
  }
}

extension HTTPServerBuilder {
  /// The server to run the gateway's routes in.
  package static func loopBound(configuration: HTTP1Channel.Configuration = .init()) -> HTTPServerBuilder {
    HTTPServerBuilder { responder in
      LoopBoundHTTPChannel(HTTP1Channel(responder: responder, configuration: configuration))
    }
  }
}

/// Handles requests on the threads that are there for work of any kind: for routes that read files, ask a database or
/// compute, in a server whose connections are ``LoopBoundHTTPChannel``s.
package struct OffEventLoop<Context: RequestContext>: RouterMiddleware {
  package init() {}

  package func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    try await withTaskExecutorPreference(globalConcurrentExecutor) { try await next(request, context) }
  }
}
