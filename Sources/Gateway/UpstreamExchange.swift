import NIOCore
import NIOHTTP1

/// Why a replica gave no answer, or not all of it.
enum UpstreamFailure: Error, Hashable, CustomStringConvertible {
  /// No connection came about.
  case unreachable(String)
  /// The connection ended, and it is certain that nothing of the request was taken: it had ended before, or the
  /// replica's side of it was closed before the first byte got there.
  case closedBeforeRequest
  /// The connection ended before a byte of the answer, and the replica may have the request.
  case closedUnanswered
  /// The connection ended, or spoke no HTTP, in the middle of the answer.
  case brokenOff(String)
  /// Nothing came for so long.
  case silent(Duration)
  /// The client is gone.
  case clientLeft
  /// The replica is being stopped.
  case cutOff

  var description: String {
    switch self {
    case .unreachable(let why): "the replica could not be reached: \(why)"
    case .closedBeforeRequest: "the replica closed the connection before the request reached it"
    case .closedUnanswered:
      "the replica closed the connection without a response, as happens when its engine exits; \(Self.mayBeCause)"
    case .brokenOff(let why): "the replica's response broke off: \(why)"
    case .silent(let time): "the replica sent nothing for \(time.components.seconds) s"
    case .clientLeft: "the client closed the connection"
    case .cutOff: "the replica was stopped before it finished"
    }
  }

  /// Whether it is what the end of a replica looks like.
  var mayBeEnd: Bool {
    switch self {
    case .closedUnanswered, .brokenOff: true
    case .unreachable, .closedBeforeRequest, .silent, .clientLeft, .cutOff: false
    }
  }

  /// What happened, where it is known why the replica ended.
  func description(ended cause: String) -> String {
    if case .brokenOff = self { return "the replica ended in the middle of its response: \(cause)" }
    return "the replica ended while processing the request: \(cause); \(Self.mayBeCause)"
  }

  private static let mayBeCause = "the request may be the cause, so it is not retried"
}

/// What is sent to a replica: the body in slices of the client's own bytes.
struct UpstreamRequest: Sendable {
  var path: String
  var headers: HTTPHeaders
  var body: [ByteBuffer]
}

/// The pieces of a long answer, as they come.
typealias UpstreamStream = NIOThrowingAsyncSequenceProducer<
  ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, UpstreamFlow
>

/// A replica's answer.
struct UpstreamResponse: Sendable {
  enum Body: Sendable {
    case whole(ByteBuffer)
    case stream(UpstreamStream)
  }

  let head: HTTPResponseHead
  let body: Body
}

/// One request at one replica. Everything but ``cancel(_:)`` happens on its event loop, the client's.
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

  /// Ends it for `reason`, by closing the connection to the replica. From any thread; later than the end it does nothing.
  func cancel(_ reason: UpstreamFailure) {
    eventLoop.execute { [self] in
      guard !isOver, cancelled == nil else { return }
      cancelled = reason
      connection?.abandon(self, reason)
      fail(reason)
    }
  }

  /// The answer has begun; what is left of it comes in the stream.
  func answer(_ response: UpstreamResponse) {
    waiter?.resume(returning: response)
    waiter = nil
  }

  func fail(_ error: any Error) {
    waiter?.resume(throwing: error)
    waiter = nil
  }

  /// The last byte was read, or the connection is gone.
  func end() {
    isOver = true
    connection = nil
  }
}

/// Passes the reader's pace on to the replica's connection.
struct UpstreamFlow: NIOAsyncSequenceProducerDelegate {
  let exchange: UpstreamExchange

  func produceMore() {
    exchange.eventLoop.execute { exchange.connection?.readOn(exchange) }
  }

  func didTerminate() {
    exchange.eventLoop.execute { exchange.connection?.abandon(exchange, .clientLeft) }
  }
}
