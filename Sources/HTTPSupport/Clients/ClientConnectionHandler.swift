import CanonicalJSON
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
  private struct Span {
    var since: NIODeadline
    var bytes: Int
  }

  private let clients: ClientConnections
  /// Whether the next handler holds back each request until the one before it is answered.
  private let holdsRequests: Bool
  private var limits: ClientLimits { clients.limits }
  /// Nil before it is added, and after the connection has ended.
  private var activity: ConnectionActivity?
  /// Whether there was room for it.
  private var isAdmitted = false
  private var context: ChannelHandlerContext?
  private var watch: RepeatedTask?

  /// Requests whose head was received and whose response is not finished. Callers may pipeline requests.
  private var unanswered = 0
  /// Those of them that the listener counts as in progress, and a last response that is not sent.
  private var counted = 0
  /// Whether a head was received and its body is incomplete.
  private var isReceiving = false
  /// Whether the head of the current response was sent.
  private var hasResponseBegun = false
  /// Bytes of bodies held, for each request whose response has not started; 0 once its handler has taken them over.
  private var held: CircularBuffer<Int> = []
  /// When the connection became idle.
  private var idleSince = NIODeadline.uptimeNanoseconds(0)
  private var hadRequest = false
  /// When the first bytes of an incomplete head arrived.
  private var headSince: NIODeadline?
  private var hasReadPart = false
  private var body: Span?
  /// The unsent bytes while the caller does not read.
  private var unread: Span?
  private var isReading = false
  private var readBuffer = ReadBuffer.small {
    didSet { if readBuffer != oldValue, let context { readBuffer.apply(to: context.channel) } }
  }
  /// Whether a read is waiting for the current request to be answered.
  private var isReadHeld = false
  /// Whether the connection closes after the last request that was accepted, and accepts no more.
  private var closesAfterResponse = false
  /// Whether the response that has begun is the last one.
  private var isLastResponse = false
  /// Whether what arrives comes after the last request that is answered, and is dropped.
  private var isDropping = false
  /// Sent after the requests before it are answered.
  private var pendingRefusal: RequestError?
  /// When the connection began to close; whatever still arrives is dropped.
  private var lingersSince: NIODeadline?
  private var closePromise: EventLoopPromise<Void>?

  init(_ clients: ClientConnections, holdsRequests: Bool) {
    self.clients = clients
    self.holdsRequests = holdsRequests
  }

  // MARK: Coming and going

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    let eventLoop = context.eventLoop
    idleSince = eventLoop.now
    let activity = ConnectionActivity(idleSince: idleSince) { [self] closing in
      eventLoop.execute { self.close(closing) }
    }
    self.activity = activity
    isAdmitted = clients.open(activity)
    let period = TimeAmount(limits.lookEvery)
    // A weak reference would make each use of this object slower; `leave` ends the task.
    watch = eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { [self] _ in look() }
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

  /// Closes the connection for its listener: for lack of room, or because the server stops.
  private func close(_ closing: ConnectionActivity.Closing) {
    guard let context else { return }
    switch closing {
    case .ifIdle: guard unanswered == 0 || lingersSince != nil else { return }
    case .ifIdleFor(let time):
      guard unanswered == 0, lingersSince == nil, context.eventLoop.now - idleSince >= time else { return }
    case .always where lingersSince != nil:
      // It closes soon by itself when the last response has arrived, unless its caller does not read.
      context.eventLoop.scheduleTask(in: TimeAmount(limits.linger)) { [self] in self.context?.close(promise: nil) }
      return
    case .always: break
    }
    context.close(promise: nil)
  }

  /// Counts no more than `open` requests as in progress.
  private func stopCounting(beyond open: Int = 0) {
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

  private func giveBackAll() {
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

  // MARK: Answers

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard lingersSince == nil else {
      // The handler of a refused request has released its body.
      giveBackAll()
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(var head) where !head.status.isInformational:
      hasResponseBegun = true
      if let first = held.popFirst() { clients.held.giveBack(first) }
      if clients.isLeaving || unanswered == 1 && (isReceiving || closesAfterResponse) {
        head.headers.replaceOrAdd(name: "connection", value: "close")
      }
      if head.closesConnection { beginLastResponse() }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      context.write(data, promise: promise)
      answered()
    default:
      context.write(data, promise: promise)
    }
  }

  /// Drops the requests behind the one whose response begins: the response says that the connection closes.
  private func beginLastResponse() {
    guard !isLastResponse else { return }
    isLastResponse = true
    closesAfterResponse = true
    if unanswered > 1 {
      unanswered = 1
      stopCounting(beyond: 1)
      isDropping = true
      isReceiving = false
      body = nil
      readBuffer = .small
    }
    context?.fireUserInboundEventTriggered(LastResponse())
    // The bodies of the dropped requests.
    giveBackAll()
  }

  private func answered() {
    unanswered = max(0, unanswered - 1)
    hasResponseBegun = false
    // The last response counts until it is sent.
    if unanswered > 0 || !closesAfterResponse { stopCounting(beyond: unanswered) }
    guard unanswered == 0, let context else { return }
    idleSince = context.eventLoop.now
    if headSince != nil { headSince = idleSince }
    // Not even a refusal follows the last response.
    if closesAfterResponse { return linger() }
    if let pendingRefusal {
      self.pendingRefusal = nil
      return refuse(pendingRefusal)
    }
    activity?.becameIdle(at: idleSince)
    guard isReadHeld else { return }
    isReadHeld = false
    isReading = true
    context.read()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if !context.channel.isWritable {
      unread = Span(since: context.eventLoop.now, bytes: waitingBytes)
    } else if lingersSince == nil {
      unread = nil
    }
    // Nothing more is written to one that lingers, so it stays under watch until everything is sent.
    context.fireChannelWritabilityChanged()
  }

  private var waitingBytes: Int {
    (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  /// Responds in place of the request handler, and closes the connection.
  private func refuse(_ error: RequestError) {
    guard let context, lingersSince == nil else { return }
    // The next request is the invalid one; the current one gets its response first.
    if unanswered > 0, !isReceiving {
      pendingRefusal = error
      return
    }
    if unanswered > 1, holdsRequests { return dropIncomplete(error) }
    guard !hasResponseBegun, unanswered <= 1 else { return context.close(promise: nil) }
    let text = ByteBuffer(bytes: error.json.bytes())
    var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: error.status))
    head.headers.add(name: "content-type", value: "application/json")
    head.headers.add(name: "content-length", value: String(text.readableBytes))
    head.headers.add(name: "connection", value: "close")
    if let seconds = error.retryAfter { head.headers.add(name: "retry-after", value: String(seconds)) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(text))), promise: nil)
    context.write(wrapOutboundOut(.end(nil)), promise: nil)
    linger()
    // Tells the reader of the body that there is no more.
    if unanswered > 0 { context.fireErrorCaught(error) }
  }

  /// Drops the request that is arriving behind others, whose responses come first.
  private func dropIncomplete(_ error: RequestError) {
    pendingRefusal = error
    unanswered -= 1
    stopCounting(beyond: unanswered)
    if let last = held.popLast() { clients.held.giveBack(last) }
    isReceiving = false
    body = nil
    readBuffer = .small
    // Only the dropped request can have said so: nothing is accepted behind one that does.
    closesAfterResponse = false
    context?.fireUserInboundEventTriggered(IncompleteRequest())
  }

  // MARK: The end

  /// Sends what is pending, closes the sending side, and for a while drops whatever the caller still sends.
  private func linger() {
    guard let context, lingersSince == nil else { return }
    lingersSince = context.eventLoop.now
    readBuffer = .small
    // The body of a refused request is held until its handler releases it.
    if unanswered == 0 { giveBackAll() }
    activity?.becameIdle(at: context.eventLoop.now)
    context.flush()
    let left = waitingBytes
    unread = left > 0 ? Span(since: context.eventLoop.now, bytes: left) : nil
    let sent = context.eventLoop.makePromise(of: Void.self)
    sent.futureResult.whenComplete { [self] _ in stopCounting() }
    context.close(mode: .output, promise: sent)
    context.read()
  }

  /// Drops what arrives, at a slow pace: many refused callers must not delay the others.
  private func dropMore() {
    context?.eventLoop.scheduleTask(in: .milliseconds(20)) { [self] in context?.read() }
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if lingersSince != nil { giveBackAll() }
    switch mode {
    case .all where lingersSince != nil && closePromise == nil && context.channel.isActive:
      closePromise = promise ?? context.eventLoop.makePromise()
    case .output where lingersSince == nil:
      linger()
      promise?.succeed()
    case .output:
      promise?.succeed()
    default:
      context.close(mode: mode, promise: promise)
    }
  }

  /// Closes for good after the last response is sent.
  private func finish() {
    if waitingBytes == 0 { context?.close(promise: nil) }
  }

  /// Closes the connection if anything has taken too long. Called periodically.
  private func look() {
    guard let context, context.channel.isActive else { return }
    let now = context.eventLoop.now
    func isOver(_ time: Duration, since start: NIODeadline) -> Bool { now - start >= TimeAmount(time) }
    if let unread, isOver(limits.answerTimeout, since: unread.since) {
      let left = waitingBytes
      guard left == 0 || isFast(unread.bytes - left, limits.answerTimeout) else { return context.close(promise: nil) }
      self.unread = left == 0 ? nil : Span(since: now, bytes: left)
    } else if let lingersSince {
      if isOver(limits.linger, since: lingersSince) { finish() }
    } else if isReceiving {
      // If nothing reads the body, the caller is not the slow side.
      if !isReading { body?.since = now }
      guard let body, isOver(limits.bodyTimeout, since: body.since) else { return }
      guard isFast(body.bytes, limits.bodyTimeout) else { return refuse(.slowBody(limits)) }
      self.body = Span(since: now, bytes: 0)
    } else if unanswered == 0 {
      if let headSince {
        if isOver(limits.headerTimeout, since: headSince) { refuse(.slowHead(limits)) }
      } else if isOver(hadRequest ? limits.idleTimeout : limits.headerTimeout, since: idleSince) {
        context.close(promise: nil)
      }
    }
  }

  private func isFast(_ bytes: Int, _ time: Duration) -> Bool {
    Double(bytes) >= Double(limits.minimumRate) * (time / .seconds(1))
  }
}

extension HTTPResponseStatus {
  fileprivate var isInformational: Bool { (100..<200).contains(code) }
}
