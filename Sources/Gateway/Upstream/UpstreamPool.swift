import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Open connections to replicas, kept per event loop so that a request and its upstream share one thread.
final class UpstreamPool: Sendable {
  /// Identifies interchangeable connections.
  struct Key: Hashable, Sendable {
    let loop: ObjectIdentifier
    let address: UpstreamAddress
  }

  private let limits: GatewayLimits
  private let idle = Mutex<[Key: [UpstreamConnection]]>([:])

  init(limits: GatewayLimits) { self.limits = limits }

  /// Sends a request, and returns when its response has started or is complete.
  ///
  /// A request is sent once. It is sent on a new connection only if a kept connection ends and the replica certainly
  /// has nothing of the request.
  ///
  /// - Parameter started: receives the exchange before anything is sent, so that it can be canceled.
  /// - Throws: ``UpstreamFailure``.
  func send(
    _ request: UpstreamRequest, to address: UpstreamAddress, on eventLoop: any EventLoop,
    started: @escaping @Sendable (UpstreamExchange) -> Void
  ) async throws -> UpstreamResponse {
    do {
      return try await attempt(request, to: address, on: eventLoop, fresh: false, started: started)
    } catch UpstreamFailure.closedBeforeRequest {
      return try await attempt(request, to: address, on: eventLoop, fresh: true, started: started)
    }
  }

  private func attempt(
    _ request: UpstreamRequest, to address: UpstreamAddress, on eventLoop: any EventLoop, fresh: Bool,
    started: @escaping @Sendable (UpstreamExchange) -> Void
  ) async throws -> UpstreamResponse {
    try await withCheckedThrowingContinuation { continuation in
      let exchange = UpstreamExchange(request, on: eventLoop, waiter: continuation)
      started(exchange)
      eventLoop.execute {
        guard exchange.cancelled == nil else { return }
        let key = Key(loop: ObjectIdentifier(eventLoop), address: address)
        if !fresh, let connection = self.take(key, now: eventLoop.now) {
          connection.start(exchange)
        } else {
          self.connect(key, for: exchange)
        }
      }
    }
  }

  private func take(_ key: Key, now: NIODeadline) -> UpstreamConnection? {
    while let connection = idle.withLock({ $0[key]?.popLast() }) {
      if connection.isUsable(now: now) { return connection }
    }
    return nil
  }

  /// Takes back an unused connection.
  func put(_ connection: UpstreamConnection) { idle.withLock { $0[connection.key, default: []].append(connection) } }

  /// Removes a closed connection.
  func remove(_ connection: UpstreamConnection) {
    idle.withLock { idle in
      idle[connection.key]?.removeAll { $0 === connection }
      if idle[connection.key]?.isEmpty == true { idle[connection.key] = nil }
    }
  }

  private func connect(_ key: Key, for exchange: UpstreamExchange) {
    let connection = UpstreamConnection(key, pool: self, limits: limits, now: exchange.eventLoop.now)
    let bootstrap = ClientBootstrap(group: exchange.eventLoop)
      .connectTimeout(.nanoseconds(limits.connectTimeout.nanoseconds))
      .channelOption(.autoRead, value: false)
      // The replica's end of the connection is inspected before ours is closed.
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // Header names and values are checked on arrival.
          try channel.pipeline.syncOperations.addHTTPClientHandlers(
            leftOverBytesStrategy: .dropBytes, enableOutboundHeaderValidation: false)
          try channel.pipeline.syncOperations.addHandler(connection)
        }
      }
    let connected =
      switch key.address {
      case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
      case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
      }
    connected.whenComplete { result in
      switch result {
      case .success(let channel):
        if exchange.cancelled == nil { connection.start(exchange) } else { channel.close(promise: nil) }
      case .failure(let error):
        exchange.fail(UpstreamFailure.unreachable(Self.reason(error)))
        exchange.end()
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as IOError: error.description
    case let error as NIOConnectionError: error.connectionErrors.first.map { reason($0.error) } ?? "\(error)"
    default: "\(error)"
    }
  }
}
