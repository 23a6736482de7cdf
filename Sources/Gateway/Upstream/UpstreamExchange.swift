import Durations
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
    case .silent(let time): "the replica sent nothing for \(DurationText.text(time))"
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

/// A request to a replica. A long body is in slices of the client's own bytes.
struct UpstreamRequest: Sendable {
  let path: String
  let headers: HTTPHeaders
  let body: [ByteBuffer]

  /// Nothing else of the client's headers is passed on, least of all its token; traces only correlate requests.
  private static let passedOn = ["accept"]

  init(_ query: QueryExchange, _ body: QueryBody, _ model: RequestedModel, _ replica: UpstreamReplica) {
    let counts = query.target.asksForUsage(body)
    let slices =
      model.adapter.map { body.slices(asking: $0, countsTokens: counts) }
      ?? body.slices(modelName: replica.modelName, countsTokens: counts)
    let length = slices.reduce(0) { $0 + $1.readableBytes }
    let client = query.head.headers
    var headers = HTTPHeaders()
    headers.reserveCapacity(7)
    headers.add(name: "host", value: "localhost")
    let type = query.target.isGenerate ? nil : client.first(name: "content-type")
    headers.add(name: "content-type", value: type ?? "application/json")
    headers.add(name: "content-length", value: String(length))
    headers.add(name: "x-request-id", value: query.requestID)
    for name in Self.passedOn {
      if let value = client.first(name: name) { headers.add(name: name, value: value) }
    }
    if let trace = query.record.trace {
      headers.add(name: "traceparent", value: trace.traceparent)
      // It belongs to the client's trace, and may be in several headers.
      if trace.parentSpanID != nil {
        for value in client["tracestate"] { headers.add(name: "tracestate", value: value) }
      }
    }
    self.headers = headers
    self.body = length <= Self.shortBody ? [Self.joined(slices, length)] : slices
    path = query.target.upstreamPath(for: body.task)
  }

  /// Copying a body up to this size costs less than writing it in slices.
  private static let shortBody = 8 << 10

  private static func joined(_ slices: [ByteBuffer], _ length: Int) -> ByteBuffer {
    var body = ByteBuffer()
    body.reserveCapacity(length)
    for slice in slices { body.writeImmutableBuffer(slice) }
    return body
  }
}

/// What arrives from a replica, on its event loop. A response is either `whole`, or a `head` with pieces and an `end`.
/// Nothing follows `whole`, `end` or `failed`.
enum UpstreamEvent {
  /// A short response.
  case whole(HTTPResponseHead, ByteBuffer)
  case head(HTTPResponseHead)
  case piece(ByteBuffer)
  /// Nothing more has arrived for now.
  case readComplete
  case end
  case failed(UpstreamFailure)
}

/// One request at one replica. Everything except ``cancel(_:)`` runs on its event loop, which is the client's.
final class UpstreamExchange: @unchecked Sendable {
  /// Nil once it is being sent, so that its body is not held until the response has ended.
  private var request: UpstreamRequest?
  /// Whether the request must not be sent on a connection that had another request before.
  let isOnNewConnection: Bool
  let eventLoop: any EventLoop
  private var receiver: ((UpstreamEvent) -> Void)?
  private(set) var cancelled: UpstreamFailure?
  private var connection: UpstreamConnection?

  /// - Parameter receiver: released after the last event.
  init(
    _ request: UpstreamRequest, isOnNewConnection: Bool, on eventLoop: any EventLoop,
    receiver: @escaping (UpstreamEvent) -> Void
  ) {
    self.request = request
    self.isOnNewConnection = isOnNewConnection
    self.eventLoop = eventLoop
    self.receiver = receiver
  }

  /// Ends it for `reason` by closing the connection to the replica. Callable from any thread; after the end it does
  /// nothing.
  func cancel(_ reason: UpstreamFailure) {
    eventLoop.execute { [self] in
      guard receiver != nil, cancelled == nil else { return }
      cancelled = reason
      connection?.abandon(self, reason)
      end(.failed(reason))
    }
  }

  // MARK: For the reader

  /// Reads nothing more from the replica until ``resume()``.
  func pause() { connection?.pauseReading(self) }

  func resume() { connection?.resumeReading(self) }

  // MARK: For the connection

  /// Returns the request, once.
  func begin(on connection: UpstreamConnection) -> UpstreamRequest? {
    self.connection = connection
    return request.take()
  }

  func receive(_ event: UpstreamEvent) { receiver?(event) }

  /// Delivers the last event: the last byte was read, or the connection is gone.
  func end(_ event: UpstreamEvent) {
    connection = nil
    let last = receiver
    receiver = nil
    last?(event)
  }
}
