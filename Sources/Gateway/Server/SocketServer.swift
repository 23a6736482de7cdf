package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on sockets that are bound already, whose life is in its owner's hands: it can stop accepting without losing a
/// connection, accept again, and leave in good order.
///
/// Hummingbird's own server binds its socket itself and closes idle connections without a word when it stops.
package final class SocketServer: Sendable {
  private let child: CallerHTTPChannel
  private let loops: any EventLoopGroup
  private let logger: Logger
  private let book: ConnectionBook
  private let callers: CallerConnections
  private let listeners = Mutex<[any Channel]>([])
  private let accepted: AsyncStream<CallerHTTPChannel.Value>
  private let accept: AsyncStream<CallerHTTPChannel.Value>.Continuation

  /// - Parameters:
  ///   - responder: answers the requests, as a router builds it.
  ///   - callers: keeps the callers to their limits.
  ///   - logger: for what goes wrong on connections.
  package init<Responder: HTTPResponder>(
    responder: Responder, callers: CallerConnections,
    loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
  ) where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let book = ConnectionBook()
    let dates = DateHeader()
    self.book = book
    self.callers = callers
    self.loops = loops
    self.logger = logger
    (accepted, accept) = AsyncStream.makeStream()
    child = CallerHTTPChannel(
      HTTP1Channel(
        responder: { request, writer, channel in
          let context = Responder.Context(source: ApplicationRequestContextSource(channel: channel, logger: logger))
          var response: Response
          do {
            response = try await responder.respond(to: request, context: context)
          } catch let error as HTTPParserError {
            throw error
          } catch {
            logger.error("a request failed", metadata: ["error": "\(error)"])
            response = Response(status: .internalServerError)
          }
          response.headers[.date] = dates.now
          do {
            try await writer.write(response: response.head, body: response.body)
          } catch is HTTPParserError {
            // As it is, it would be answered a second time.
            throw BrokenRequest()
          }
        }), callers: callers, isLoopBound: true)
  }

  /// The rest of a request's body broke off while its answer was being written.
  private struct BrokenRequest: Error {}

  /// Requests whose heads have come and whose answers are not written whole.
  package var requestsUnderWay: Int { book.requests }

  /// How many connections are open.
  package var connections: Int { book.connections }

  /// Serves until ``stopListening()`` was called and every connection has ended; or, when the task is cancelled, until every
  /// connection was closed.
  ///
  /// - Parameter whenAccepting: called once, when connections are taken; their requests wait until it returns.
  package func run(on sockets: [BoundSocket], whenAccepting: () async -> Void) async throws {
    for socket in sockets {
      let channel = try await bootstrap.withBoundSocket(socket.duplicate()).get()
      socket.restoreBacklog()
      listeners.withLock { $0.append(channel) }
    }
    await whenAccepting()
    await withTaskCancellationHandler {
      await withDiscardingTaskGroup { group in
        for await connection in accepted {
          group.addTask { await self.child.handle(value: connection, logger: self.logger) }
        }
      }
    } onCancel: {
      stopListening()
      closeAll()
    }
  }

  private var bootstrap: ServerBootstrap {
    ServerBootstrap(group: loops)
      .serverChannelInitializer { [callers] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            AvailableConnectionsChannelHandler(delegate: callers.acceptGate))
        }
      }
      .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { [child, accept, book, logger] channel in
        child.setup(channel: channel, logger: logger).flatMapThrowing { value in
          try ConnectionNotes.add(to: channel, book)
          guard case .enqueued = accept.yield(value) else {
            channel.close(promise: nil)
            return
          }
        }
      }
  }

  /// Accepts nothing more for now. Who connects waits in the kernel; who has been accepted is served. Returns when every
  /// accepted connection has been taken on, so that none is lost if ``stopListening()`` follows.
  package func pause() async throws {
    let channels = listeners.withLock { $0 }
    for channel in channels { try await channel.setOption(.autoRead, value: false).get() }
    // A connection is accepted on one loop, set up on another, and handed in on the first: once round each.
    for loop in loops.makeIterator() { try await loop.submit {}.get() }
    for channel in channels { try await channel.eventLoop.submit {}.get() }
  }

  /// Accepts again after ``pause()``.
  package func resume() async throws {
    for channel in listeners.withLock({ $0 }) { try await channel.setOption(.autoRead, value: true).get() }
  }

  /// Accepts nothing more at all, and asks with each answer to close the connection. The socket lives on if somebody else has it.
  package func stopListening() {
    book.leave()
    let channels = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for channel in channels { channel.close(promise: nil) }
    accept.finish()
  }

  /// Closes the connections that have had no request for so long.
  package func closeIdle(for time: Duration) { book.closeIdle(for: .nanoseconds(time.nanoseconds)) }

  /// Closes every connection, whatever is under way on it.
  package func closeAll() { book.closeAll() }
}
