import Glibc
import NIOCore
import NIOHTTP1

/// A connection to a replica: one request at a time, kept for the next one if the response allows. It reads only as
/// fast as the reader of the response, and never closes only its own half, which vLLM would treat as a client that
/// left.
///
/// Confined to its event loop.
final class UpstreamConnection: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundIn = Never
  typealias OutboundOut = HTTPClientRequestPart

  private enum State {
    /// Ready for a request; closes when the replica does. Goes to waiting or closed.
    case idle(since: NIODeadline)
    /// A request was sent. Goes to whole, stream or closed.
    case waiting(UpstreamExchange)
    /// A short response is read completely before it is passed on. Goes to idle or closed.
    case whole(UpstreamExchange, HTTPResponseHead, ByteBuffer)
    /// A long response is passed on as it arrives. Goes to idle or closed.
    case stream(UpstreamExchange, isKeptAlive: Bool)
    case closed
  }

  let key: UpstreamPool.Key
  private let pool: UpstreamPool
  private let limits: GatewayLimits
  private var state: State
  private var context: ChannelHandlerContext?
  private var socket: UpstreamSocket?
  private var bodyHandler: StreamedBodyHandler?
  /// Data read since the last delivery to the reader.
  private var pending: ByteBuffer?
  private var isReading = false
  /// Whether the body of the current response is chunked.
  private var isChunked = false
  /// Whether it goes back to the pool when everything that was read has been handled.
  private var isReturning = false
  private var mayRead = true
  private var lastHeard: NIODeadline
  private var watch: RepeatedTask?
  /// The bytes that the replica's kernel had acknowledged when the current request was sent; nil if unknown.
  private var acknowledged: UInt64?

  init(_ key: UpstreamPool.Key, pool: UpstreamPool, limits: GatewayLimits, now: NIODeadline) {
    self.key = key
    self.pool = pool
    self.limits = limits
    state = .idle(since: now)
    lastHeard = now
  }

  // MARK: For the pool and the exchange

  /// Whether it can take a request now: open, unused, and not unused so long that the replica may be closing it.
  func isUsable(now: NIODeadline) -> Bool {
    guard case .idle(let since) = state, let context, context.channel.isActive, let socket else { return false }
    return now - since < .nanoseconds(limits.idleConnection.nanoseconds) && socket.isQuiet
  }

  /// Sends a request. Only if usable.
  func start(_ exchange: UpstreamExchange) {
    guard case .idle = state, let context, let request = exchange.begin(on: self) else {
      return exchange.end(.failed(.closedBeforeRequest))
    }
    state = .waiting(exchange)
    lastHeard = context.eventLoop.now
    mayRead = true
    acknowledged = socket?.acknowledgedBytes
    bodyHandler?.expectResponse()
    let head = HTTPRequestHead(
      version: .http1_1, method: .POST, uri: request.path, headers: request.headers)
    let sent = context.eventLoop.makePromise(of: Void.self)
    sent.futureResult.whenFailure { [self] _ in headWasNotSent(exchange) }
    context.write(wrapOutboundOut(.head(head)), promise: sent)
    for slice in request.body { context.write(wrapOutboundOut(.body(.byteBuffer(slice))), promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    read()
  }

  /// Ends the exchange early: closing the connection tells the replica.
  func abandon(_ exchange: UpstreamExchange, _ reason: UpstreamFailure) {
    guard exchange === current else { return }
    close(reason)
  }

  /// Reads nothing more for now, as requested by the reader.
  func pauseReading(_ exchange: UpstreamExchange) {
    if exchange === current { mayRead = false }
  }

  /// Reads more, as requested by the reader.
  func resumeReading(_ exchange: UpstreamExchange) {
    guard exchange === current, !mayRead else { return }
    mayRead = true
    lastHeard = context?.eventLoop.now ?? lastHeard
    read()
  }

  private var current: UpstreamExchange? {
    switch state {
    case .waiting(let exchange), .whole(let exchange, _, _), .stream(let exchange, _): exchange
    case .idle, .closed: nil
    }
  }

  // MARK: The channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    socket = UpstreamSocket(context.channel)
    bodyHandler = try? context.pipeline.syncOperations.handler(type: StreamedBodyHandler.self)
    // A weak reference would make each use of this object slower; the task ends when the handler is removed.
    watch = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [self] _ in
      checkTimeouts()
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    watch?.cancel()
    self.context = nil
    socket = nil
    // It refers to this object too.
    bodyHandler = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastHeard = context.eventLoop.now
    switch unwrapInboundIn(data) {
    case .head(let head): begin(head)
    case .body(let bytes): append(bytes)
    case .end: finish()
    }
  }

  /// Whether a long response is arriving whose body is chunked.
  var isReadingChunks: Bool { if case .stream = state { isChunked } else { false } }

  /// Takes the data of a chunk that did not pass through the decoder.
  func receiveChunk(_ bytes: ByteBuffer) {
    if let context { lastHeard = context.eventLoop.now }
    append(bytes)
  }

  func receiveMalformedChunk() { close(.brokenOff("its chunked encoding is not valid")) }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    if case .stream(let exchange, _) = state {
      deliver(to: exchange)
      exchange.receive(.readComplete)
    }
    // Only now it is certain that nothing follows the response: what does would be taken for the next one.
    if isReturning, case .idle = state { pool.put(self) }
    isReturning = false
    if mayRead { read() }
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    close(.brokenOff("the connection was closed"))
    context.fireChannelInactive()
  }

  /// Handles the replica closing its side.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent { closedByReplica() }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case .some(HTTPParserError.invalidEOFState) = error as? HTTPParserError {
      closedByReplica()
    } else if case .some(EPIPE) = (error as? IOError)?.errnoCode {
      // The kernel reports this if the replica closed its side first and then refused what arrived.
      closedByReplica()
    } else {
      close(.brokenOff("\(error)"))
    }
  }

  /// When it closes its end, the replica's kernel acknowledges what it had received so far. If that includes nothing of
  /// the request, the program had already closed its side and has not seen the request.
  private func closedByReplica() {
    if case .waiting = state, let acknowledged, context?.channel.isActive == true,
      socket?.acknowledgedBytes == acknowledged
    {
      close(.closedBeforeRequest)
    } else {
      close(.brokenOff("the connection was closed"))
    }
  }

  private func headWasNotSent(_ exchange: UpstreamExchange) {
    if case .waiting(let current) = state, current === exchange { close(.closedBeforeRequest) }
  }

  private func read() {
    guard !isReading else { return }
    isReading = true
    context?.read()
  }

  // MARK: The answer

  private func begin(_ head: HTTPResponseHead) {
    guard case .waiting(let exchange) = state else { return close(.brokenOff("an unsolicited response")) }
    let length = head.headers.first(name: "content-length").flatMap { Int($0) }
    if let length, length <= limits.maxBufferedResponse {
      state = .whole(exchange, head, ByteBuffer())
      return
    }
    state = .stream(exchange, isKeptAlive: head.isKeepAlive)
    isChunked = head.headers[canonicalForm: "transfer-encoding"].elementsEqual(["chunked"])
    exchange.receive(.head(head))
  }

  private func deliver(to exchange: UpstreamExchange) {
    guard let bytes = pending else { return }
    pending = nil
    exchange.receive(.piece(bytes))
  }

  private func append(_ bytes: ByteBuffer) {
    switch state {
    case .whole(let exchange, let head, var body):
      // The state releases the body in the meantime, so that appending copies nothing.
      state = .waiting(exchange)
      if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
      state = .whole(exchange, head, body)
    case .stream:
      if pending == nil { pending = bytes } else { pending?.writeImmutableBuffer(bytes) }
    case .idle, .waiting, .closed:
      close(.brokenOff("unsolicited bytes"))
    }
  }

  private func finish() {
    switch state {
    case .whole(let exchange, let head, let body):
      rest(isKeptAlive: head.isKeepAlive)
      exchange.end(.whole(head, body))
    case .stream(let exchange, let isKeptAlive):
      deliver(to: exchange)
      rest(isKeptAlive: isKeptAlive)
      exchange.end(.end)
    case .idle, .waiting, .closed:
      break
    }
  }

  /// Makes it ready for the next request, or closes it if the replica wants that.
  private func rest(isKeptAlive: Bool) {
    guard isKeptAlive, let context else {
      state = .closed
      self.context?.close(promise: nil)
      return
    }
    state = .idle(since: context.eventLoop.now)
    mayRead = true
    isReturning = true
  }

  private func close(_ reason: UpstreamFailure) {
    let before = state
    state = .closed
    pool.remove(self)
    switch before {
    case .waiting(let exchange):
      if case .brokenOff = reason { exchange.end(.failed(.closedUnanswered)) } else { exchange.end(.failed(reason)) }
    case .whole(let exchange, _, _): exchange.end(.failed(reason))
    case .stream(let exchange, _):
      deliver(to: exchange)
      exchange.end(.failed(reason))
    case .idle, .closed:
      break
    }
    if let context, context.channel.isActive { context.close(promise: nil) }
  }

  /// Closes the connection if it has been unused or silent for too long. Called once a second.
  private func checkTimeouts() {
    guard let now = context?.eventLoop.now else { return }
    switch state {
    case .idle(let since):
      if now - since >= .nanoseconds(limits.idleConnection.nanoseconds) { close(.brokenOff("unused")) }
    case .waiting, .whole, .stream:
      // While the reader is the slow side, the replica cannot send.
      if mayRead, now - lastHeard >= .nanoseconds(limits.silence.nanoseconds) { close(.silent(limits.silence)) }
    case .closed:
      break
    }
  }
}
