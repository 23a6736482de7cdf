import NIOCore
import NIOHTTP1

/// Why a replica sent no response, or not all of it.
enum UpstreamFailure: Error, Hashable, CustomStringConvertible {
  /// Connecting failed.
  case unreachable(String)
  /// The connection ended, and certainly nothing of the request was taken: it had ended before, or the replica's side
  /// was closed before the first byte arrived.
  case closedBeforeRequest
  /// The connection ended before the first byte of the response, and the replica may have the request.
  case closedUnanswered
  /// The connection ended, or sent invalid HTTP, in the middle of the response.
  case brokenOff(String)
  /// Nothing arrived for this long.
  case silent(Duration)
  /// The client left.
  case clientLeft
  /// The replica is being stopped.
  case cutOff

  var description: String {
    switch self {
    case .unreachable(let why): "the replica could not be reached: \(why)"
    case .closedBeforeRequest: "the replica closed the connection before the request reached it"
    case .closedUnanswered:
      "the replica closed the connection without a response, as happens when its engine exits; \(Self.mayBeCause)"
    case .brokenOff(let why): "the replica's response was cut off: \(why)"
    case .silent(let time): "the replica sent nothing for \(time.components.seconds) s"
    case .clientLeft: "the client closed the connection"
    case .cutOff: "the replica was stopped before it finished"
    }
  }

  /// Whether the failure may mean that the replica ended.
  var mayBeEnd: Bool {
    switch self {
    case .closedUnanswered, .brokenOff: true
    case .unreachable, .closedBeforeRequest, .silent, .clientLeft, .cutOff: false
    }
  }

  /// The failure, given the known reason that the replica ended.
  func description(ended cause: String) -> String {
    if case .brokenOff = self { return "the replica exited in the middle of its response: \(cause)" }
    return "the replica exited while processing the request: \(cause); \(Self.mayBeCause)"
  }

  private static let mayBeCause = "the request may be the cause, so it is not retried"
}

/// A request to a replica: the body in slices of the client's own bytes.
struct UpstreamRequest: Sendable {
  var path: String
  var headers: HTTPHeaders
  var body: [ByteBuffer]
}

/// The pieces of a long response, as they arrive.
typealias UpstreamStream = NIOThrowingAsyncSequenceProducer<
  ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, UpstreamFlow
>

/// A replica's response.
struct UpstreamResponse: Sendable {
  enum Body: Sendable {
    case whole(ByteBuffer)
    case stream(UpstreamStream)
  }

  let head: HTTPResponseHead
  let body: Body
}

/// One request at one replica. Everything except ``cancel(_:)`` runs on its event loop, which is the client's.
final class UpstreamExchange: @unchecked Sendable {
  let eventLoop: any EventLoop
  let request: UpstreamRequest
  private var waiter: CheckedContinuation<UpstreamResponse, any Error>?
  private(set) var cancelled: UpstreamFailure?
  private var isOver = false
  var connection: UpstreamConnection?
  init(
    _ request: UpstreamRequest, on eventLoop: any EventLoop, waiter: CheckedContinuation<UpstreamResponse, any Error>
  ) {
    self.request = request
    self.eventLoop = eventLoop
    self.waiter = waiter
  }

  /// Ends it for `reason` by closing the connection to the replica. Callable from any thread; after the end it does
  /// nothing.
  func cancel(_ reason: UpstreamFailure) {
    eventLoop.execute { [self] in
      guard !isOver, cancelled == nil else { return }
      cancelled = reason
      connection?.abandon(self, reason)
      fail(reason)
    }
  }

  /// Starts the response; the rest of it arrives in the stream.
  func answer(_ response: UpstreamResponse) {
    waiter?.resume(returning: response)
    waiter = nil
  }

  func fail(_ error: any Error) {
    waiter?.resume(throwing: error)
    waiter = nil
  }

  /// Ends the exchange: the last byte was read, or the connection is gone.
  func end() {
    isOver = true
    connection = nil
  }
}

/// Applies the reader's pace to the replica's connection.
struct UpstreamFlow: NIOAsyncSequenceProducerDelegate {
  let exchange: UpstreamExchange

  func produceMore() {
    exchange.eventLoop.execute { exchange.connection?.readOn(exchange) }
  }

  func didTerminate() {
    exchange.eventLoop.execute { exchange.connection?.abandon(exchange, .clientLeft) }
  }
}
