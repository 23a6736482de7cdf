import NIOCore

// The end of a connection: to make room, because the server stops, after the last response, or because something
// has taken too long.
extension ClientConnectionHandler {
  /// Closes the connection for its listener: for lack of room, or because the server stops.
  func close(_ closing: ConnectionActivity.Closing) {
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

  /// Sends what is pending, closes the sending side, and for a while drops whatever the caller still sends.
  func linger() {
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
  func dropMore() {
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
  func finish() {
    if waitingBytes == 0 { context?.close(promise: nil) }
  }

  /// Closes the connection if anything has taken too long. Called periodically.
  func checkTimeouts() {
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
