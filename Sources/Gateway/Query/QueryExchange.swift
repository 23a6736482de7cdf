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
  enum State {
    /// The body is arriving.
    case receiving
    /// The body, or a refusal's reason, is being worked out elsewhere.
    case suspended
    /// Waits for a place; nil until the request has a number.
    case waiting(QueryBody, RequestedModel, AdmissionQueue.RequestID?)
    /// At a replica that has not answered.
    case sent(QueryBody, RequestedModel, AdmissionTicket, UpstreamExchange)
    /// A long response is arriving that is passed on whole: an error message, or an answer of a `generate` route.
    case collecting(QueryBody, RequestedModel, AdmissionTicket, UpstreamExchange, HTTPResponseHead, ByteBuffer)
    /// A long response is being relayed.
    case streaming(StreamedResponse, UpstreamExchange)
    /// A long response broke off, and the reason is being determined elsewhere.
    case interrupted(StreamedResponse)
    case over
  }

  let gateway: Gateway
  let target: QueryTarget
  let head: HTTPRequestHead
  let eventLoop: any EventLoop
  let requestID: String
  var record: RequestRecord
  /// Refers to this object too, until the response is complete or cut off.
  let client: QueryHandler
  var state = State.receiving
  private var received = ByteBuffer()
  /// The buffer of the complete body, to be used again.
  private var bodyBuffer: ByteBuffer?
  /// The announced length of the body.
  private let length: Int?
  /// Who sent the request; nil if that is not known.
  private var principal: Principal?
  /// Why the request is refused once its body is complete, or once it is clear that it will not be soon.
  private var refusal: GatewayError?
  /// Whether the body did not arrive together with the head.
  private var hasPaused = false
  var ticket: AdmissionTicket?
  /// Whether the body has left the memory for bodies that are being received, because the request had to wait.
  var isHandedOver = false
  /// The size of such a body while a replica has it and has not answered.
  var bytesAtReplica = 0
  var endpoint: QueryableEndpoint?
  var lastFailure: String?
  /// From the arrival until the request was last sent to a replica.
  var sentAt = Duration.zero
  /// What the replica has sent after an error event whose secrets are being taken out; nil if there is none.
  var eventsBehindError: [UpstreamEvent]?
  /// The tokens of an answer whose counts are not known, as far as it has arrived.
  var uncountedTokens: Int64 = 0
  /// The bodies, if they are recorded.
  var payload: PayloadRecording?
  /// The number of exchanges with replicas.
  var attempt = 0
  private(set) var isClientGone = false
  /// Whether the response has begun, with status 200, while the request still waits.
  var isHeadSent = false
  /// The next comment to a client that waits for a stream.
  var heartbeat: Scheduled<Void>?
  private let started = NIODeadline.now()
  var asked = NIODeadline.uptimeNanoseconds(0)

  init(_ head: HTTPRequestHead, _ target: QueryTarget, _ gateway: Gateway, client: QueryHandler, on loop: any EventLoop)
  {
    self.head = head
    self.target = target
    self.gateway = gateway
    self.client = client
    eventLoop = loop
    requestID = RequestID.make(given: head.headers.first(name: "x-request-id"), gateway.random)
    record = RequestRecord(requestID: requestID, route: target.route)
    length = head.headers.first(name: "content-length").flatMap { Int($0) }
    if target.isRecorded { record.trace = TraceContext(head.headers, gateway.random) }
    do throws(AccessTokenDigest.Refusal) {
      let sender = try gateway.authorizer.principal(authorization: head.headers.first(name: "authorization"))
      principal = sender
      record.principal = sender.name
      if let length, length > gateway.limits.maxBodyBytes { refusal = .tooLarge(gateway.limits.maxBodyBytes) }
    } catch {
      refusal = .unauthenticated
    }
  }

  var elapsed: Duration { .nanoseconds((NIODeadline.now() - started).nanoseconds) }

  // MARK: The request

  func receive(_ bytes: ByteBuffer) {
    record.bytesIn += bytes.readableBytes
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
        growBuffer(to: min(max(total, length ?? 0), max(total * 2, 1 << 16)))
      }
      received.writeImmutableBuffer(bytes)
    }
  }

  /// Moves what has arrived into a longer buffer, if possible into one that was used before.
  private func growBuffer(to capacity: Int) {
    guard var buffer = gateway.bodyBuffers.take(capacity) else { return received.reserveCapacity(capacity) }
    buffer.writeImmutableBuffer(received)
    var outgrown: ByteBuffer? = received
    received = buffer
    gateway.bodyBuffers.put(&outgrown)
  }

  /// Nothing more of the body has arrived for now.
  func pause() {
    guard case .receiving = state else { return }
    hasPaused = true
    // A request that is certain to be refused does not get to send all of it.
    if let refusal { refuse(refusal) }
  }

  func receiveEnd() {
    guard case .receiving = state else { return }
    if let refusal { return refuse(refusal) }
    guard let principal, !hasPaused || isStillKnown else { return refuse(.unauthenticated) }
    if let answer = gateway.answer(to: target, for: principal) { return respond(answer) }
    // The decoder ends a truncated body as if it were complete.
    if let length, received.readableBytes < length { return clientLeft() }
    let bytes = received
    received = ByteBuffer()
    if BodyBuffers.capacities.contains(bytes.storageCapacity) { bodyBuffer = bytes }
    // Reading a very long body takes long enough to delay every other connection of this event loop.
    guard bytes.readableBytes > longBody else { return contentRead(Self.content(bytes, target)) }
    state = .suspended
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { [target] in Self.content(bytes, target) }
      .whenComplete { [self] result in
        switch result {
        case .success(let content): contentRead(content)
        // The pool ends only with the process.
        case .failure: refuse(GatewayError(.clientLeft, endpoint: ""))
        }
      }
  }

  /// In bytes. A body that is translated is read at every level, not only at the top.
  private var longBody: Int { target.isGenerate ? 1 << 16 : 1 << 20 }

  /// Whether the sender's token is still valid: it may have been revoked while the body arrived.
  private var isStillKnown: Bool {
    (try? gateway.authorizer.principal(authorization: head.headers.first(name: "authorization"))) != nil
  }

  private static func content(_ bytes: ByteBuffer, _ target: QueryTarget) -> Result<QueryContent, GatewayError> {
    do throws(GatewayError) { return .success(try QueryContent(bytes, for: target)) } catch { return .failure(error) }
  }

  private func contentRead(_ result: Result<QueryContent, GatewayError>) {
    if isOver { return }
    do throws(GatewayError) {
      let content = try result.get()
      // The body for the replica is another one.
      if target.isGenerate { reuseBodyBuffer() }
      let body = content.body
      record.metadata = content.metadata
      guard let principal else { throw .unauthenticated }
      let model = try RequestedModel(target, head, body, gateway.endpoints(visibleTo: principal))
      endpoint = model.endpoint
      record.endpoint = model.endpoint.name
      record.isStream = body.isStream
      let maxWait = try WaitHeader.maxWait(head.headers)
      if let refusal = model.endpoint.rules.admit(principal, now: .now()) {
        throw .limited(refusal, endpoint: model.endpoint.name)
      }
      payload = PayloadRecording(content.received, model.endpoint.rules, gateway)
      asked = .now()
      state = .waiting(body, model, nil)
      let admission = model.endpoint.admission
      let request = AdmissionRequest(
        principal: principal, entity: model.entity, bytes: body.bytes.readableBytes,
        affinity: affinityKey(admission.affinity, body), maxWait: maxWait)
      let id = admission.admit(request) { [self] admission in onLoop { $0.admitted(admission) } }
      if case .waiting = state {
        state = .waiting(body, model, id)
        handOverBody()
      }
      armHeartbeat()
    } catch {
      refuse(error)
    }
  }

  /// The hash of what the request has in common with those that should go to the same replica.
  private func affinityKey(_ affinity: ReplicaAffinity, _ body: QueryBody) -> UInt64? {
    switch affinity {
    case .none: nil
    case .prefix: body.beginning(1024)?.withUnsafeReadableBytes { ReplicaAffinity.key(of: $0) }
    case .session: head.headers.first(name: "x-setpoint-session").map { ReplicaAffinity.key(of: $0) }
    }
  }

  /// Gives the buffer of the body back, as soon as the callers of this have released it too.
  func reuseBodyBuffer() {
    guard bodyBuffer != nil else { return }
    eventLoop.execute { [self] in gateway.bodyBuffers.put(&bodyBuffer) }
  }

  func onLoop(_ act: @escaping @Sendable (QueryExchange) -> Void) {
    if eventLoop.inEventLoop { act(self) } else { eventLoop.execute { act(self) } }
  }

  // MARK: The end

  var isOver: Bool { if case .over = state { true } else { false } }

  func refuse(_ error: GatewayError) {
    if isOver { return }
    respond(GatewayAnswer(error, in: errorForm), error)
  }

  /// The connection has answered in the place of the request, which it could not read.
  func refused(byConnection error: GatewayError) { end(status: error.status, error: error) }

  /// The client closed its connection, or its half of it. Ends the request without waiting for anything.
  func clientLeft() {
    isClientGone = true
    let error = GatewayError(.clientLeft, endpoint: record.endpoint ?? "")
    switch state {
    // What is being determined elsewhere is ignored when it arrives.
    case .receiving, .suspended: refuse(error)
    case .over: break
    case .waiting(_, let model, let id):
      // A place that it is given meanwhile is given back as well.
      refuse(error)
      if let id { model.endpoint.admission.leave(id) }
    case .sent(_, _, _, let exchange), .collecting(_, _, _, let exchange, _, _):
      refuse(error)
      exchange.cancel(.clientLeft)
    case .streaming(_, let exchange): exchange.cancel(.clientLeft)
    case .interrupted(let stream): eventLoop.execute { [self] in finish(stream, .clientLeft) }
    }
  }

  /// Ends the request. Only the first call counts.
  func end(status: Int, error: GatewayError? = nil) {
    if isOver { return }
    state = .over
    heartbeat?.cancel()
    releaseBody()
    reuseBodyBuffer()
    if let ticket, let endpoint { endpoint.admission.finish(ticket) }
    debitTokens()
    record.hasLostPayload = payload?.isLost ?? false
    record.payload = payload?.end()
    payload = nil
    guard target.isRecorded else { return }
    record.status = isHeadSent && status != 499 ? 200 : status
    record.latency = elapsed
    record.errorCode = record.errorCode ?? error?.code
    record.error = record.error ?? error?.message
    record.refusal = error?.refusal
    gateway.record(record)
  }

  /// Counts the tokens under the endpoint's rate limits: those that the replica has reported; without a report, because
  /// the answer is incomplete, those that have arrived.
  private func debitTokens() {
    guard let endpoint, let principal else { return }
    let (sum, isTooMuch) = (record.promptTokens ?? 0).addingReportingOverflow(record.completionTokens ?? 0)
    let reported = isTooMuch ? .max : sum
    let tokens = reported > 0 ? reported : uncountedTokens
    if tokens > 0 { endpoint.rules.debit(principal, tokens: tokens, now: .now()) }
  }
}

extension QueryTarget {
  /// Whether the request is a query, which leaves a record: lists of models do not.
  var isRecorded: Bool {
    switch self {
    case .endpoint, .generate, .openAI: true
    case .models, .model: false
    }
  }
}
