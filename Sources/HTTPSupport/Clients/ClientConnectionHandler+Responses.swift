import CanonicalJSON
import NIOCore
import NIOHTTP1

// Responses: those of the handlers behind it, and its own in their place.
extension ClientConnectionHandler {
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

  func answered() {
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
    // Nothing more is written to one that lingers, so it is checked until everything is sent.
    context.fireChannelWritabilityChanged()
  }

  var waitingBytes: Int {
    (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  /// Responds in place of the request handler, and closes the connection.
  func refuse(_ error: RequestError) {
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
}

extension HTTPResponseStatus {
  fileprivate var isInformational: Bool { (100..<200).contains(code) }
}
