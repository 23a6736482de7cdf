import NIOCore
import NIOHTTP1

/// One caller's connection: enforces its deadlines and byte limits, answers malformed HTTP, and closes the connection
/// in a way that lets the last response arrive. Sits between the HTTP decoder and the request handlers. Confined to its
/// event loop.
final class ClientConnectionHandler: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// The bytes that should have moved by the end of a time span.
  struct Span {
    var since: NIODeadline
    var bytes: Int
  }

  let clients: ClientConnections
  /// Whether the next handler holds back each request until the one before it is answered.
  let holdsRequests: Bool
  var limits: ClientLimits { clients.limits }
  /// Nil before it is added, and after the connection has ended.
  var activity: ConnectionActivity?
  /// Whether there was room for it.
  private var isAdmitted = false
  var context: ChannelHandlerContext?
  var watch: RepeatedTask?

  /// Requests whose head was received and whose response is not finished. Callers may pipeline requests.
  var unanswered = 0
  /// Those of them that the listener counts as in progress, and a last response that is not sent.
  private var counted = 0
  /// Whether a head was received and its body is incomplete.
  var isReceiving = false
  /// Whether the head of the current response was sent.
  var hasResponseBegun = false
  /// Bytes of bodies held, for each request whose response has not started; 0 once its handler has taken them over.
  var held: CircularBuffer<Int> = []
  /// When the connection became idle.
  var idleSince = NIODeadline.uptimeNanoseconds(0)
  var hadRequest = false
  /// When the first bytes of an incomplete head arrived.
  var headSince: NIODeadline?
  private var hasReadPart = false
  var body: Span?
  /// The unsent bytes while the caller does not read.
  var unread: Span?
  var isReading = false
  var readBuffer = ReadBuffer.small {
    didSet { if readBuffer != oldValue, let context { readBuffer.apply(to: context.channel) } }
  }
  /// Whether a read is waiting for the current request to be answered.
  var isReadHeld = false
  /// Whether the connection closes after the last request that was accepted, and accepts no more.
  var closesAfterResponse = false
  /// Whether the response that has begun is the last one.
  var isLastResponse = false
  /// Whether what arrives comes after the last request that is answered, and is dropped.
  var isDropping = false
  /// Sent after the requests before it are answered.
  var pendingRefusal: RequestError?
  /// When the connection began to close; whatever still arrives is dropped.
  var lingersSince: NIODeadline?
  var closePromise: EventLoopPromise<Void>?

  init(_ clients: ClientConnections, holdsRequests: Bool) {
    self.clients = clients
    self.holdsRequests = holdsRequests
  }

  // MARK: Opening and closing

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    let eventLoop = context.eventLoop
    idleSince = eventLoop.now
    let activity = ConnectionActivity(idleSince: idleSince) { [self] closing in
      eventLoop.execute { self.close(closing) }
    }
    self.activity = activity
    isAdmitted = clients.open(activity)
    let period = TimeAmount(limits.checkInterval)
    // A weak reference would make each use of this object slower; `leave` ends the task.
    watch = eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { [self] _ in checkTimeouts() }
    if context.channel.isActive, !isAdmitted { refuse(.tooManyConnections) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    leave()
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    if !isAdmitted { refuse(.tooManyConnections) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  private func leave() {
    watch?.cancel()
    watch = nil
    giveBackAll()
    closePromise?.succeed()
    closePromise = nil
    stopCounting()
    if let activity { clients.closed(activity) }
    activity = nil
  }

  /// Counts no more than `open` requests as in progress.
  func stopCounting(beyond open: Int = 0) {
    guard counted > open else { return }
    clients.requestsEnded(counted - open)
    counted = open
  }

  // MARK: Requests

  func read(context: ChannelHandlerContext) {
    // What follows the next request waits in the kernel until this one is answered. One read is always pending, which
    // shows that the caller has left, and spares the system calls that stop and resume reading for each request.
    guard lingersSince != nil || !isDropping && (unanswered <= 1 || isReceiving) else {
      isReadHeld = true
      return
    }
    isReading = true
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hasReadPart = true
    guard lingersSince == nil else {
      if case .end = unwrapInboundIn(data) { finish() }
      return
    }
    guard pendingRefusal == nil, !isDropping else { return }
    switch unwrapInboundIn(data) {
    case .head where closesAfterResponse: isDropping = true
    case .head(let head): begin(head, data)
    case .body(let bytes): receive(bytes.readableBytes, data)
    case .end:
      isReceiving = false
      body = nil
      readBuffer = .small
      context.fireChannelRead(data)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    if !hasReadPart, !isReceiving, headSince == nil { headSince = context.eventLoop.now }
    hasReadPart = false
    context.fireChannelReadComplete()
    if lingersSince != nil { dropMore() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    context.fireUserInboundEventTriggered(event)
    if lingersSince != nil, case .some(ChannelEvent.inputClosed) = event as? ChannelEvent { finish() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if lingersSince != nil { return }
    // A connection that ends inside a request is not a malformed request: the caller is gone.
    guard let error = error as? HTTPParserError, error != .invalidEOFState else {
      return context.fireErrorCaught(error)
    }
    if closesAfterResponse, !isReceiving {
      isDropping = true
      return
    }
    refuse(.malformedHead("the request is not valid HTTP: \(error.debugDescription)"))
  }

  private func begin(_ head: HTTPRequestHead, _ data: NIOAny) {
    headSince = nil
    if let refusal = RequestHeadRules.refusal(of: head) {
      if unanswered == 0 { refuse(refusal) } else { pendingRefusal = refusal }
      return
    }
    unanswered += 1
    isReceiving = true
    hadRequest = true
    held.append(0)
    counted += 1
    clients.requestsBegan(1)
    if unanswered == 1 { activity?.becameBusy() }
    // After an upgrade request the decoder reads nothing more.
    if !head.isKeepAlive || head.headers.contains(name: "upgrade") { closesAfterResponse = true }
    body = context.map { Span(since: $0.eventLoop.now, bytes: 0) }
    readBuffer = ReadBuffer(forBodyOf: head)
    context?.fireChannelRead(data)
    if head.headers.contains(name: "expect") { askForBody(head) }
  }

  /// Answers `Expect: 100-continue`: the caller sends the body only after it is asked for it.
  private func askForBody(_ head: HTTPRequestHead) {
    let length = head.headers.first(name: "content-length").flatMap { Int($0) }
    guard unanswered == 1, !hasResponseBegun, lingersSince == nil, head.version == .http1_1,
      clients.mayContinue(head.headers.first(name: "authorization"), length)
    else { return }
    context?.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
  }

  private func receive(_ count: Int, _ data: NIOAny) {
    body?.bytes += count
    if let last = held.indices.last {
      guard clients.held.take(count, total: held[last] + count) else {
        return refuse(.tooManyBytes(clients.held.limit))
      }
      held[last] += count
    }
    context?.fireChannelRead(data)
  }

  func giveBackAll() {
    clients.held.giveBack(held.reduce(0, +))
    held.removeAll()
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is BodyHandedOver else { return context.triggerUserOutboundEvent(event, promise: promise) }
    if let first = held.indices.first, !hasResponseBegun {
      clients.held.giveBack(held[first])
      held[first] = 0
    }
    promise?.succeed()
  }
}
