import HTTPSupport
import NIOCore
import NIOHTTP1

/// Answers the gateway's requests on a client's connection, and passes every other request on to the next handler, the
/// server's router. Responses keep the order of their requests. Confined to its event loop.
///
/// It sits below the server's tasks: passing a query through a task and its streams costs more than the rest of the
/// gateway.
final class QueryHandler: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let gateway: Gateway
  private var context: ChannelHandlerContext?
  /// The query whose response is not finished.
  private var query: QueryExchange?
  /// Whether the request that is arriving is passed on.
  private var isPassingOn = false
  /// Whether the response to a request that was passed on is not finished.
  private var isRouted = false
  /// What arrived behind a request that must be answered first.
  private var waiting: CircularBuffer<HTTPServerRequestPart> = []
  private var isProceeding = false
  /// Whether a read is held until nothing waits.
  private var isReadHeld = false
  private var isClientGone = false
  /// Takes the chunks of a chunked body; nil in a pipeline without it.
  private var chunks: WriteCoalescingHandler?
  /// Whether the body of the query's response is chunked.
  private var isChunked = false

  init(_ gateway: Gateway) { self.gateway = gateway }

  // MARK: Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if waiting.isEmpty, !mustWait(part) { receive(part) } else { waiting.append(part) }
  }

  /// A request waits for the response to the one before it, which may close the connection.
  private func mustWait(_ part: HTTPServerRequestPart) -> Bool {
    guard case .head = part else { return false }
    // Responses that the client does not read are not piled up.
    return query != nil || isRouted || context?.channel.isWritable == false
  }

  private func target(of head: HTTPRequestHead) -> QueryTarget? {
    gateway.isElsewhere() ? nil : QueryTarget(head.method, uri: head.uri)
  }

  private func receive(_ part: HTTPServerRequestPart) {
    guard let context else { return }
    switch part {
    case .head(let head):
      if let target = target(of: head) {
        isPassingOn = false
        query = QueryExchange(head, target, gateway, client: self, on: context.eventLoop)
        if isClientGone { query?.clientLeft() }
      } else {
        isPassingOn = true
        isRouted = true
        context.fireChannelRead(wrapInboundOut(part))
      }
    case .body(let bytes) where !isPassingOn: query?.receive(bytes)
    case .end where !isPassingOn: query?.receiveEnd()
    default: context.fireChannelRead(wrapInboundOut(part))
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    query?.pause()
    context.fireChannelReadComplete()
  }

  /// Holds reading while something waits, which bounds what a client can have waiting.
  func read(context: ChannelHandlerContext) {
    if waiting.isEmpty { context.read() } else { isReadHeld = true }
  }

  /// Continues with what waited: one part after the other, also if a request is answered at once and calls this again.
  private func proceed() {
    guard !isProceeding else { return }
    isProceeding = true
    var hasPassedOn = false
    while let next = waiting.first, !mustWait(next) {
      receive(waiting.removeFirst())
      hasPassedOn = hasPassedOn || isPassingOn
    }
    isProceeding = false
    // The router gets what was passed on when a read is complete, and the client may send nothing more.
    if hasPassedOn { context?.fireChannelReadComplete() }
    guard isReadHeld, waiting.isEmpty else { return }
    isReadHeld = false
    context?.read()
  }

  // MARK: Responses

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    context.write(data, promise: promise)
    guard isRouted, case .end = unwrapOutboundIn(data) else { return }
    isRouted = false
    proceed()
  }

  /// For the query: writes a part of its response.
  func write(_ part: HTTPServerResponsePart) {
    switch part {
    case .head(let head):
      // As the encoder frames a response without a length.
      isChunked = head.status == .ok && head.version == .http1_1 && !head.headers.contains(name: "content-length")
    case .body(.byteBuffer(let bytes)):
      guard isChunked, let chunks else { break }
      return chunks.writeChunk(bytes)
    default: break
    }
    context?.write(wrapOutboundOut(part), promise: nil)
  }

  func flush() { context?.flush() }

  var isWritable: Bool { context?.channel.isWritable ?? true }

  /// For the query: its body is complete, and counted by its endpoint's admission from now on.
  func handOverBody() { context?.triggerUserOutboundEvent(BodyHandedOver(), promise: nil) }

  /// For the query: its response is complete.
  func finish() {
    query = nil
    context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    proceed()
  }

  /// For the query: its response stays incomplete.
  func cutOff() {
    query = nil
    waiting.removeAll()
    context?.close(promise: nil)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { query?.becameWritable() }
    context.fireChannelWritabilityChanged()
    if context.channel.isWritable { proceed() }
  }

  // MARK: The connection

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    chunks = try? context.pipeline.syncOperations.handler(type: WriteCoalescingHandler.self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    clientLeft()
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    clientLeft()
    context.fireChannelInactive()
  }

  /// The server lets clients close half of a connection, so that alone ends no other request; but a client that closes
  /// its half is nearly always gone, and vLLM treats it as gone too.
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent { clientLeft() }
    if event is LastResponse { waiting.removeAll() }
    if event is IncompleteRequest { dropLastRequest() }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let query, !isPassingOn else { return context.fireErrorCaught(error) }
    if let error = error as? GatewayError {
      // The connection has responded, and closes.
      self.query = nil
      query.refused(byConnection: error)
      // The response is dropped; it only says that the bytes of the body have been released.
      context.write(wrapOutboundOut(.end(nil)), promise: nil)
    } else {
      clientLeft()
    }
  }

  /// Drops the request whose body is incomplete; it waits behind others.
  private func dropLastRequest() {
    while let part = waiting.popLast() {
      if case .head = part { return }
    }
  }

  private func clientLeft() {
    isClientGone = true
    waiting.removeAll()
    query?.clientLeft()
  }
}
