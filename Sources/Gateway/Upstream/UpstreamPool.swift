import HTTPSupport
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

  /// Sends a request, once. On the exchange's event loop.
  func send(_ exchange: UpstreamExchange, to address: UpstreamAddress) {
    let key = Key(loop: ObjectIdentifier(exchange.eventLoop), address: address)
    if !exchange.isOnNewConnection, let connection = take(key, now: exchange.eventLoop.now) {
      connection.start(exchange)
    } else {
      connect(key, for: exchange)
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
          try channel.pipeline.syncOperations.addHandler(WriteCoalescingHandler())
          try channel.pipeline.syncOperations.addHandler(StreamedBodyHandler(connection))
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
        exchange.end(.failed(.unreachable(Self.reason(error))))
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
