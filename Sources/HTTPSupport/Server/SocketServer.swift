package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on already bound sockets, controlled by its owner: it can stop accepting without losing a connection,
/// accept again, and shut down in an orderly way.
///
/// Hummingbird's own server binds its socket itself and closes idle connections without notice when it stops.
package final class SocketServer: Sendable {
  private let child: ClientHTTPChannel
  private let tls: TLSIdentity?
  private let loops: any EventLoopGroup
  private let logger: Logger
  private let clients: ClientConnections
  private let listeners = Mutex<[any Channel]>([])
  private let accepted: AsyncStream<ClientHTTPChannel.Value>
  private let accept: AsyncStream<ClientHTTPChannel.Value>.Continuation

  /// - Parameters:
  ///   - responder: answers the requests; built by a router.
  ///   - clients: enforces the callers' limits; of this server alone.
  ///   - makeHandler: makes a handler for each connection, which sees requests before the responder does.
  ///   - tls: the certificate for TCP connections; nil for no TLS. A Unix socket never has TLS: its file's mode protects it.
  ///   - logger: logs connection failures.
  package init<Responder: HTTPResponder>(
    responder: Responder, clients: ClientConnections,
    makeHandler: (@Sendable () -> any ChannelDuplexHandler & Sendable)? = nil, tls: TLSIdentity? = nil,
    loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
  ) where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let dates = DateHeader()
    self.clients = clients
    self.tls = tls
    self.loops = loops
    self.logger = logger
    (accepted, accept) = AsyncStream.makeStream()
    child = ClientHTTPChannel(
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
            // Otherwise it would be answered a second time.
            throw BrokenRequest()
          }
        }), clients: clients, makeHandler: makeHandler)
  }

  /// The rest of a request's body broke off while its response was being written.
  private struct BrokenRequest: Error {}

  /// The number of requests whose head was received and whose response is not completely written, and of last responses
  /// that are not completely sent.
  package var requestsInProgress: Int { clients.requests }

  /// The number of open connections.
  package var connections: Int { clients.count }

  /// Serves until ``stopListening()`` was called and every connection has ended; if the task is canceled, until every
  /// connection is closed.
  ///
  /// - Parameter whenAccepting: called once, when connections are accepted; their requests wait until it returns.
  package func run(on sockets: [BoundSocket], whenAccepting: () async -> Void) async throws {
    for socket in sockets {
      let channel = try await bootstrap(isLocal: socket.port == nil).withBoundSocket(socket.duplicate()).get()
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

  /// - Parameter isLocal: whether it is for a Unix socket.
  private func bootstrap(isLocal: Bool) -> ServerBootstrap {
    let child = if let tls, !isLocal { self.child.secured(by: tls) } else { self.child }
    return ServerBootstrap(group: loops)
      .serverChannelInitializer { [clients] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            AvailableConnectionsChannelHandler(delegate: clients.acceptGate))
        }
      }
      .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { [accept, logger] channel in
        child.setup(channel: channel, logger: logger).map { value in
          guard case .enqueued = accept.yield(value) else {
            channel.close(promise: nil)
            return
          }
        }
      }
  }

  /// Pauses accepting. New connections wait in the kernel; accepted ones are served. Returns when every accepted
  /// connection has been set up, so that none is lost if ``stopListening()`` follows.
  package func pause() async throws {
    let channels = listeners.withLock { $0 }
    for channel in channels { try await channel.setOption(.autoRead, value: false).get() }
    // A connection is accepted on one loop, set up on another, and handed in on the first: one round over each.
    for loop in loops.makeIterator() { try await loop.submit {}.get() }
    for channel in channels { try await channel.eventLoop.submit {}.get() }
  }

  /// Resumes accepting after ``pause()``.
  package func resume() async throws {
    for channel in listeners.withLock({ $0 }) { try await channel.setOption(.autoRead, value: true).get() }
  }

  /// Stops accepting for good, and asks with each response to close the connection. The socket stays open if a
  /// duplicate exists.
  package func stopListening() {
    clients.leave()
    let channels = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for channel in channels { channel.close(promise: nil) }
    accept.finish()
  }

  /// Closes the connections that have been idle for this long.
  package func closeIdle(for time: Duration) { clients.close(.ifIdleFor(TimeAmount(time))) }

  /// Closes every connection, regardless of its activity. A last response may still be read for
  /// ``ClientLimits/linger``.
  package func closeAll() { clients.close(.always) }
}
