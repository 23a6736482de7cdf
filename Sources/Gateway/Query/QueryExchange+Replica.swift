import HTTPSupport
import NIOCore
import NIOHTTP1
import Scheduling

// At a replica: waiting for a place, sending the request, and what the replica sends back.
extension QueryExchange {
  func admitted(_ admission: Admission) {
    guard case .waiting(let body, let model, _) = state else { return }
    heartbeat?.cancel()
    record.queued += .nanoseconds((NIODeadline.now() - asked).nanoseconds)
    switch admission {
    case .refused(.unknownEntity(let entity)) where model.endpoint.admission.models.isDeploying(entity):
      refuse(.deploying("served entity \"\(entity)\"", endpoint: model.endpoint.name))
    case .refused(let why):
      let admission = model.endpoint.admission
      refuse(
        .refused(
          why, endpoint: model.endpoint.name, lastFailure: lastFailure, startPhase: admission.startPhase,
          startTimeLeft: admission.startTimeLeft))
    case .admitted(let ticket):
      self.ticket = ticket
      if isHandedOver { keep(body, for: model.endpoint) }
      record.entity = ticket.replica.entity
      record.version = ticket.replica.version
      record.replica = ticket.replica.id
      record.attempts += 1
      if ticket.hasMetNoReplica { record.coldStart = record.queued }
      if let name = model.adapter, !ticket.replica.models.contains(name) {
        return replicaLacks(name, body, model, ticket)
      }
      send(body, model, ticket, onNewConnection: false)
    }
  }

  /// The body of a request that waits is counted by its endpoint's admission from now on, and leaves the memory for
  /// bodies that are being received. Without a wait it stays there until its response begins, which bounds the bodies
  /// at replicas.
  func handOverBody() {
    guard !isHandedOver else { return }
    isHandedOver = true
    client.handOverBody()
  }

  /// Counts the body of a request that has waited while a replica may still refuse it and another one needs it.
  private func keep(_ body: QueryBody, for endpoint: QueryableEndpoint) {
    bytesAtReplica = body.bytes.readableBytes
    endpoint.admission.heldBytes.add(bytesAtReplica)
  }

  func releaseBody() {
    endpoint?.admission.heldBytes.add(-bytesAtReplica)
    bytesAtReplica = 0
  }

  /// The entity may have got replicas of another version during the wait, or this one may not have the adapter yet.
  private func replicaLacks(_ adapter: String, _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket) {
    let admission = model.endpoint.admission
    guard !admission.models.entities(serving: adapter, among: admission.entities).isEmpty else {
      return refuse(.unknownAdapter(adapter, endpoint: model.endpoint))
    }
    bounce(body, model, ticket, "the replica does not have the model or adapter \"\(adapter)\"", pause: nil)
  }

  private func send(_ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket, onNewConnection isNew: Bool)
  {
    let exchange = UpstreamExchange(
      UpstreamRequest(self, body, model, ticket.replica), isOnNewConnection: isNew, on: eventLoop
    ) { [self, attempt = attempt + 1] event in
      // Nothing of an exchange that was given up reaches the next one.
      if attempt == self.attempt { receive(event) }
    }
    attempt += 1
    sentAt = elapsed
    state = .sent(body, model, ticket, exchange)
    model.endpoint.admission.whenCutOff(ticket) { exchange.cancel(.cutOff) }
    gateway.pool.send(exchange, to: ticket.replica.address)
  }

  func receive(_ event: UpstreamEvent) {
    if eventsBehindError != nil {
      eventsBehindError?.append(event)
      return
    }
    switch (event, state) {
    case (.whole(let head, let bytes), .sent(let body, let model, let ticket, _)):
      record.sentAfter = sentAt
      guard !head.isSuccess || !head.isEventStream else {
        // Its errors are those of any other stream.
        for event: UpstreamEvent in [.head(head), .piece(bytes), .end] { receive(event) }
        return
      }
      answered(head, bytes, body, model, ticket)
    case (.head(let head), .sent(let body, let model, let ticket, let exchange)):
      record.sentAfter = sentAt
      guard head.isSuccess, !target.isGenerate || head.isEventStream else {
        state = .collecting(body, model, ticket, exchange, head, ByteBuffer())
        return
      }
      let stream = StreamedResponse(
        head, for: model, translatedBy: generateEvents, removingUsage: target.asksForUsage(body))
      state = .streaming(stream, exchange)
      releaseBody()
      reuseBodyBuffer()
      if !isHeadSent { client.write(.head(responseHead(head.status, passedOn(head.headers)))) }
    case (.piece(let bytes), .streaming(let stream, let exchange)): relay(bytes, stream, exchange)
    case (.readComplete, .streaming(_, let exchange)):
      client.flush()
      if !client.isWritable { exchange.pause() }
    case (.end, .streaming(let stream, _)): finish(stream, nil)
    case (.piece(let bytes), .collecting(let body, let model, let ticket, let exchange, let head, var collected)):
      collected.writeImmutableBuffer(bytes)
      let limit = gateway.limits.maxBufferedResponse
      guard collected.readableBytes > limit else {
        state = .collecting(body, model, ticket, exchange, head, collected)
        return
      }
      if head.isSuccess {
        refuse(.unusableAnswer("it is larger than \(limit) bytes; request a stream", endpoint: model.endpoint.name))
      } else {
        // Too long to be a message: its status has to do.
        replicaFailed(head, ByteBuffer(), body, model, ticket)
      }
      exchange.cancel(.cutOff)
    case (.end, .collecting(let body, let model, let ticket, _, let head, let collected)):
      answered(head, collected, body, model, ticket)
    case (.failed(let failure), .sent(let body, let model, let ticket, let exchange)):
      failed(failure, body, model, ticket, exchange)
    case (.failed(let failure), .collecting(let body, let model, let ticket, let exchange, _, _)):
      failed(failure, body, model, ticket, exchange)
    case (.failed(let failure), .streaming(let stream, _)):
      // It may break off just as the client disconnects.
      let reason = isClientGone ? .clientLeft : failure
      state = .interrupted(stream)
      client.flush()
      explain(reason) { $0.finish(stream, reason, ended: $1) }
    default: break
    }
  }

  /// Handles a complete response.
  private func answered(
    _ head: HTTPResponseHead, _ bytes: ByteBuffer, _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket
  ) {
    if head.isSuccess, !bytes.isErrorObject {
      respond(whole: head, bytes, body, model)
    } else {
      replicaFailed(head, bytes, body, model, ticket)
    }
  }

  /// Handles an error response, first of all taking out the secrets that the replica's server may repeat in it.
  private func replicaFailed(
    _ head: HTTPResponseHead, _ bytes: ByteBuffer, _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket
  ) {
    state = .suspended
    let (admission, text, replica) = (model.endpoint.admission, String(buffer: bytes), ticket.replica.id)
    eventLoop.makeFutureWithTask { await admission.redact(text, replica) }.whenComplete { [self] result in
      if isOver { return }
      // It throws nothing, so there always is a message.
      let message = (try? result.get()) ?? ""
      guard Self.hasRefused(head, message) else {
        return respond(whole: head, ByteBuffer(string: message), body, model)
      }
      let (limits, isBusy) = (gateway.limits, head.status == .serviceUnavailable)
      bounce(
        body, model, ticket, message, pause: isBusy ? limits.busyPause : limits.unreachablePause, isBusy: isBusy)
    }
  }

  /// The client can take more of a stream.
  func becameWritable() {
    if case .streaming(_, let exchange) = state, eventsBehindError == nil { exchange.resume() }
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
    _ body: QueryBody, _ model: RequestedModel, _ ticket: AdmissionTicket, _ why: String, pause: Duration?,
    isBusy: Bool = false
  ) {
    lastFailure = why
    record.sentAfter = nil
    self.ticket = nil
    releaseBody()
    asked = .now()
    state = .waiting(body, model, ticket.id)
    model.endpoint.admission.bounce(ticket, pause: pause, isBusy: isBusy) { [self] admission in
      onLoop { $0.admitted(admission) }
    }
    if case .waiting = state { handOverBody() }
    armHeartbeat()
  }

  /// Looks up the reason that the replica ended, if it may have. One that has stalled is paused.
  private func explain(_ failure: UpstreamFailure, _ act: @escaping @Sendable (QueryExchange, String?) -> Void) {
    if case .silent = failure, let endpoint, let ticket {
      endpoint.admission.stalled(ticket, pause: gateway.limits.unreachablePause)
    }
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
}

extension ByteBuffer {
  /// Whether it is a JSON object that begins with an error, whatever the status is.
  fileprivate var isErrorObject: Bool {
    let object = readableBytesView.drop { $0.isJSONSpace }
    guard object.first == UInt8(ascii: "{") else { return false }
    return object.dropFirst().drop { $0.isJSONSpace }.starts(with: "\"error\"".utf8)
  }
}
