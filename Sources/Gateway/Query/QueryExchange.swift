import HTTPSupport
import NIOCore
import NIOHTTP1
import NIOPosix
import Scheduling

/// One query in progress, from its head to the last byte of its response: it reads the body, waits for a place at a
/// replica, sends the request, and relays the response. It ends exactly once, with its place given back and one record
/// made, whatever happens.
///
/// Confined to the event loop of its client's connection, where its replica's connection is too: a request changes
/// threads only if it has to wait, and no task is needed for it.
final class QueryExchange: @unchecked Sendable {
  private enum State {
    /// The body is arriving.
    case receiving
    /// The body, or a refusal's reason, is being worked out elsewhere.
    case suspended
    /// Waits for a place; nil until the request has a number.
    case waiting(QueryBody, RequestedModel, AdmissionQueue.RequestID?)
    /// At a replica that has not answered.
    case sent(QueryBody, RequestedModel, AdmissionTicket, UpstreamExchange)
    /// A long error message is arriving.
    case failing(QueryBody, RequestedModel, AdmissionTicket, UpstreamExchange, HTTPResponseHead, ByteBuffer)
    /// A long response is being relayed.
    case streaming(StreamedResponse, UpstreamExchange)
    case over
  }

  let gateway: Gateway
  let target: QueryTarget
  let head: HTTPRequestHead
  let eventLoop: any EventLoop
  let requestID: String
  private(set) var record: RequestRecord
  private weak var client: QueryHandler?
  private var state = State.receiving
  private var received = ByteBuffer()
  /// The announced length of the body.
  private let length: Int?
  /// Why the request is refused once its body is complete, or once it is clear that it will not be soon.
  private var refusal: GatewayError?
  private var ticket: AdmissionTicket?
  private var endpoint: QueryableEndpoint?
  private var lastFailure: String?
  private var isClientGone = false
  private let started = NIODeadline.now()
  private var asked = NIODeadline.uptimeNanoseconds(0)

  init(_ head: HTTPRequestHead, _ target: QueryTarget, _ gateway: Gateway, client: QueryHandler, on loop: any EventLoop)
  {
    self.head = head
    self.target = target
    self.gateway = gateway
    self.client = client
    eventLoop = loop
    requestID = RequestID.make(given: head.headers.first(name: "x-request-id"))
    record = RequestRecord(requestID: requestID, route: target.route)
    length = head.headers.first(name: "content-length").flatMap { Int($0) }
    if !gateway.isAuthorized(head) {
      refusal = .unauthenticated
    } else if let length, length > gateway.limits.maxBodyBytes {
      refusal = .tooLarge(gateway.limits.maxBodyBytes)
    }
  }

  private var elapsed: Duration { .nanoseconds((NIODeadline.now() - started).nanoseconds) }

  // MARK: The request

  func receive(_ bytes: ByteBuffer) {
    guard case .receiving = state, refusal == nil else { return }
    guard received.readableBytes + bytes.readableBytes <= gateway.limits.maxBodyBytes else {
      refusal = .tooLarge(gateway.limits.maxBodyBytes)
      return
    }
    if received.readableBytes == 0 {
      received = bytes
    } else {
      // The announced length is not believed at once: it reserves memory.
      let total = received.readableBytes + bytes.readableBytes
      if received.writableBytes < bytes.readableBytes {
        received.reserveCapacity(min(max(total, length ?? 0), max(total * 2, 1 << 16)))
      }
      received.writeImmutableBuffer(bytes)
    }
  }

  /// Nothing more of the body has arrived for now.
  func pause() {
    // A request that is certain to be refused does not get to send all of it.
    if case .receiving = state, let refusal { refuse(refusal) }
  }

  func receiveEnd() {
    guard case .receiving = state else { return }
    if let refusal { return refuse(refusal) }
    if let answer = gateway.answer(to: target) { return respond(answer) }
    // The decoder ends a truncated body as if it were complete.
    if let length, received.readableBytes < length { return clientLeft() }
    let bytes = received
    received = ByteBuffer()
    // Scanning a very long body takes long enough to delay every other connection of this event loop.
    guard bytes.readableBytes > Self.longBody else { return scanned(Self.scan(bytes)) }
    state = .suspended
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { Self.scan(bytes) }.whenComplete { [self] result in
      switch result {
      case .success(let scan): scanned(scan)
      // The pool ends only with the process.
      case .failure: refuse(GatewayError(.clientLeft, endpoint: ""))
      }
    }
  }

  private static let longBody = 1 << 20

  private static func scan(_ bytes: ByteBuffer) -> Result<QueryBody, QueryBody.Malformed> {
    do throws(QueryBody.Malformed) { return .success(try QueryBody(scanning: bytes)) } catch { return .failure(error) }
  }

  private func scanned(_ result: Result<QueryBody, QueryBody.Malformed>) {
    if isOver { return }
    if isClientGone { return refuse(GatewayError(.clientLeft, endpoint: "")) }
    do throws(GatewayError) {
      let body: QueryBody
      switch result {
      case .success(let value): body = value
      case .failure(let error): throw .malformed(error)
      }
      let model = try RequestedModel(target, head, body, gateway.directory)
      endpoint = model.endpoint
      record.endpoint = model.endpoint.name
      record.isStream = body.isStream
      asked = .now()
      state = .waiting(body, model, nil)
      let id = model.endpoint.admission.admit(pinnedTo: model.entity) { [self] admission in
        onLoop { $0.admitted(admission) }
      }
      if case .waiting = state { state = .waiting(body, model, id) }
    } catch {
      refuse(error)
    }
  }

  private func onLoop(_ act: @escaping @Sendable (QueryExchange) -> Void) {
    if eventLoop.inEventLoop { act(self) } else { eventLoop.execute { act(self) } }
  }

  // MARK: At a replica

  private func admitted(_ admission: Admission) {
    guard case .waiting(let body, let model, _) = state else { return }
    record.queued = .nanoseconds((NIODeadline.now() - asked).nanoseconds)
    switch admission {
    case .refused(.unknownEntity(let entity)) where model.endpoint.admission.models.isDeploying(entity):
      refuse(.deploying("served entity \"\(entity)\"", endpoint: model.endpoint.name))
    case .refused(let why): refuse(.refused(why, endpoint: model.endpoint.name, lastFailure: lastFailure))
    case .admitted(let ticket):
      self.ticket = ticket
      record.entity = ticket.replica.entity
      record.version = ticket.replica.version
      record.replica = ticket.replica.id
      record.attempts += 1
      if let name = model.adapter, !ticket.replica.models.contains(name) {
        return replicaLacks(name, body, model, ticket)
      }
      send(body, model, ticket, onNewConnection: false)
    }
  }

  /// The entity may have got replicas of another version during the wait, or this one may not have the adapter yet.
  private func replicaLacks(_ adapter: String, _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket) {
    let admission = model.endpoint.admission
    guard !admission.models.entities(serving: adapter, among: admission.entities).isEmpty else {
      return refuse(.unknownAdapter(adapter, endpoint: model.endpoint))
    }
    bounce(body, model, ticket, "the replica does not have the model or adapter \"\(adapter)\"", pause: .zero)
  }

  private func send(_ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket, onNewConnection isNew: Bool)
  {
    let exchange = UpstreamExchange(
      UpstreamRequest(self, body, model, ticket.replica), isOnNewConnection: isNew, on: eventLoop
    ) { [self] event in
      receive(event)
    }
    state = .sent(body, model, ticket, exchange)
    model.endpoint.admission.whenCutOff(ticket) { exchange.cancel(.cutOff) }
    gateway.pool.send(exchange, to: ticket.replica.address)
  }

  private func receive(_ event: UpstreamEvent) {
    switch (event, state) {
    case (.whole(let head, let bytes), .sent(let body, let model, let ticket, _)):
      if head.isSuccess { return respond(whole: head, bytes, model, ticket.replica) }
      replicaFailed(head, bytes, body, model, ticket)
    case (.head(let head), .sent(let body, let model, let ticket, let exchange)):
      guard head.isSuccess else {
        state = .failing(body, model, ticket, exchange, head, ByteBuffer())
        return
      }
      let stream = StreamedResponse(head, for: model)
      state = .streaming(stream, exchange)
      client?.write(.head(responseHead(head.status, passedOn(head.headers, ticket.replica))))
    case (.piece(let bytes), .streaming(let stream, _)):
      if stream.append(bytes) { record.timeToFirstToken = elapsed }
      let written = stream.rewritten(bytes)
      if written.readableBytes > 0 { client?.write(.body(.byteBuffer(written))) }
    case (.readComplete, .streaming(_, let exchange)):
      client?.flush()
      if client?.isWritable == false { exchange.pause() }
    case (.end, .streaming(let stream, _)): finish(stream, nil)
    case (.piece(let bytes), .failing(let body, let model, let ticket, let exchange, let head, var message)):
      message.writeImmutableBuffer(bytes)
      guard message.readableBytes > gateway.limits.maxBufferedResponse else {
        state = .failing(body, model, ticket, exchange, head, message)
        return
      }
      // Too long to be a message: its status has to do.
      replicaFailed(head, ByteBuffer(), body, model, ticket)
      exchange.cancel(.cutOff)
    case (.end, .failing(let body, let model, let ticket, _, let head, let message)):
      replicaFailed(head, message, body, model, ticket)
    case (.failed(let failure), .sent(let body, let model, let ticket, let exchange)):
      failed(failure, body, model, ticket, exchange)
    case (.failed(let failure), .failing(let body, let model, let ticket, let exchange, _, _)):
      failed(failure, body, model, ticket, exchange)
    case (.failed(let failure), .streaming(let stream, _)):
      state = .suspended
      explain(failure) { $0.finish(stream, failure, ended: $1) }
    default: break
    }
  }

  /// Handles an error response, first of all taking out the secrets that the replica's server may repeat in it.
  private func replicaFailed(
    _ head: HTTPResponseHead, _ bytes: ByteBuffer, _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket
  ) {
    state = .suspended
    let (admission, text, replica) = (model.endpoint.admission, String(buffer: bytes), ticket.replica)
    eventLoop.makeFutureWithTask { await admission.redact(text, replica.id) }.whenComplete { [self] result in
      if isOver { return }
      // It throws nothing, so there always is a message.
      let message = (try? result.get()) ?? ""
      guard Self.hasRefused(head, message) else {
        return respond(whole: head, ByteBuffer(string: message), model, replica)
      }
      let limits = gateway.limits
      bounce(
        body, model, ticket, message,
        pause: head.status == .serviceUnavailable ? limits.busyPause : limits.unreachablePause)
    }
  }

  /// The client can take more of a stream.
  func becameWritable() {
    if case .streaming(_, let exchange) = state { exchange.resume() }
  }

  private func failed(
    _ failure: UpstreamFailure, _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket,
    _ exchange: UpstreamExchange
  ) {
    switch failure {
    case .closedBeforeRequest where !exchange.isOnNewConnection:
      // The replica certainly has nothing of the request.
      send(body, model, ticket, onNewConnection: true)
    case .unreachable, .closedBeforeRequest:
      bounce(body, model, ticket, failure.description, pause: gateway.limits.unreachablePause)
    default:
      state = .suspended
      explain(failure) { $0.refuse(GatewayError(failure, endpoint: model.endpoint.name, ended: $1)) }
    }
  }

  /// Waits for another replica.
  private func bounce(
    _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket, _ why: String, pause: Duration
  ) {
    if isClientGone { return refuse(GatewayError(.clientLeft, endpoint: model.endpoint.name)) }
    lastFailure = why
    self.ticket = nil
    asked = .now()
    state = .waiting(body, model, ticket.id)
    model.endpoint.admission.bounce(ticket, pause: pause) { [self] admission in onLoop { $0.admitted(admission) } }
  }

  /// Looks up the reason that the replica ended, if it may have.
  private func explain(_ failure: UpstreamFailure, _ act: @escaping @Sendable (QueryExchange, String?) -> Void) {
    guard failure.mayBeEnd, let endpoint, let replica = record.replica else { return act(self, nil) }
    endpoint.admission.exitReasons.cause(of: replica, within: gateway.limits.endingPatience) { [self] cause in
      onLoop { act($0, cause) }
    }
  }

  /// Whether the replica did not accept the request: too busy, or shutting down, which vLLM reports as a 500.
  private static func hasRefused(_ head: HTTPResponseHead, _ message: String) -> Bool {
    switch head.status {
    case .serviceUnavailable: true
    case .internalServerError: message.contains("cannot schedule new futures after shutdown")
    default: false
    }
  }

  // MARK: The response

  private func respond(
    whole head: HTTPResponseHead, _ bytes: ByteBuffer, _ model: RequestedModel, _ replica: UpstreamReplica
  ) {
    let stream = StreamedResponse(head, for: model)
    let status = Int(head.status.code)
    var body = bytes
    if status == 200 {
      record.timeToFirstToken = elapsed
      _ = stream.append(bytes)
      body = stream.rewritten(bytes)
      (record.promptTokens, record.completionTokens) = stream.usage ?? (nil, nil)
    } else {
      body = withErrorCode(bytes, status: status)
      if status >= 400 { (record.errorCode, record.error) = ("UPSTREAM_\(status)", message(of: body)) }
    }
    end(status: status)
    respond(GatewayAnswer(status: head.status, headers: passedOn(head.headers, replica), body: body))
  }

  /// Ends a stream. After a failure, it is too late for another status: in an event stream the client is told;
  /// otherwise only a cut-off connection shows that the response is incomplete.
  private func finish(_ stream: StreamedResponse, _ failure: UpstreamFailure?, ended cause: String? = nil) {
    if isOver { return }
    (record.promptTokens, record.completionTokens) = stream.usage ?? (nil, nil)
    if let message = stream.lateError { (record.errorCode, record.error) = ("UPSTREAM_STREAM_ERROR", message) }
    guard let failure else {
      end(status: stream.status)
      client?.finish()
      return
    }
    let error = GatewayError(failure, endpoint: record.endpoint ?? "", ended: cause)
    end(status: failure == .clientLeft ? 499 : stream.status, error: error)
    guard stream.isEventStream, failure != .clientLeft else {
      client?.cutOff()
      return
    }
    client?.write(.body(.byteBuffer(error.event)))
    client?.finish()
  }

  private func respond(_ answer: GatewayAnswer) {
    end(status: Int(answer.status.code))
    var headers = answer.headers
    headers.add(name: "content-length", value: String(answer.body.readableBytes))
    client?.write(.head(responseHead(answer.status, headers)))
    if answer.body.readableBytes > 0 { client?.write(.body(.byteBuffer(answer.body))) }
    client?.finish()
  }

  /// The replica's headers, without those of its connection, and with the gateway's own.
  private func passedOn(_ upstream: HTTPHeaders, _ replica: UpstreamReplica) -> HTTPHeaders {
    var headers = HTTPHeaders()
    headers.reserveCapacity(6)
    for (name, value) in upstream where !Self.ownedByConnection.contains(name.lowercased()) {
      headers.add(name: name, value: value)
    }
    headers.replaceOrAdd(name: "served-model-name", value: replica.entity)
    headers.add(name: "x-request-id", value: requestID)
    return headers
  }

  private static let ownedByConnection: Set<String> = [
    "connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "upgrade", "trailer",
    "proxy-connection", "x-request-id",
  ]

  private func responseHead(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) -> HTTPResponseHead {
    var headers = headers
    headers.add(name: "date", value: gateway.dates.now)
    return HTTPResponseHead(version: head.version, status: status, headers: headers)
  }

  // MARK: The end

  private var isOver: Bool { if case .over = state { true } else { false } }

  private func refuse(_ error: GatewayError) {
    if isOver { return }
    end(status: error.status, error: error)
    respond(GatewayAnswer(error, requestID: target.isRecorded ? requestID : nil))
  }

  /// The connection has answered in the place of the request, which it could not read.
  func refused(byConnection error: GatewayError) { end(status: error.status, error: error) }

  /// The client closed its connection, or its half of it.
  func clientLeft() {
    isClientGone = true
    let error = GatewayError(.clientLeft, endpoint: record.endpoint ?? "")
    switch state {
    case .receiving: refuse(error)
    // Continues when the work elsewhere ends.
    case .suspended, .over: break
    case .waiting(_, let model, let id):
      // Leaves the queue first, so that nothing is admitted for it.
      refuse(error)
      if let id { model.endpoint.admission.leave(id) }
    case .sent(_, _, _, let exchange), .failing(_, _, _, let exchange, _, _):
      refuse(error)
      exchange.cancel(.clientLeft)
    case .streaming(_, let exchange): exchange.cancel(.clientLeft)
    }
  }

  /// Ends the request. Only the first call counts.
  private func end(status: Int, error: GatewayError? = nil) {
    if isOver { return }
    state = .over
    if let ticket, let endpoint { endpoint.admission.finish(ticket) }
    guard target.isRecorded else { return }
    record.status = status
    record.latency = elapsed
    record.errorCode = record.errorCode ?? error?.code
    record.error = record.error ?? error?.message
    gateway.record(record)
  }
}

extension QueryTarget {
  /// Whether the request leaves a record: lists of models do not.
  fileprivate var isRecorded: Bool {
    switch self {
    case .endpoint, .openAI: true
    case .models, .model: false
    }
  }
}

extension HTTPResponseHead {
  fileprivate var isSuccess: Bool { (200..<300).contains(status.code) }
}
