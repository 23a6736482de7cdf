import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Synchronization

/// Relays a request to a replica, and the response back.
struct QueryRelay: Sendable {
  let limits: GatewayLimits
  let record: @Sendable (RequestRecord) -> Void
  private let pool: UpstreamPool

  init(limits: GatewayLimits, record: @escaping @Sendable (RequestRecord) -> Void) {
    self.limits = limits
    self.record = record
    pool = UpstreamPool(limits: limits)
  }

  /// Answers a request from end to end. Errors thrown are ``GatewayError``s for the client.
  func answer(_ query: Query, directory: any EndpointDirectory) async throws -> Response {
    // First of all: a departure before the watch begins goes unnoticed.
    let channel = query.channel
    let disconnect = query.disconnect
    channel.eventLoop.execute { ClientDisconnectHandler.watch(channel, disconnect) }
    let body = try await read(query)
    let asked = try RequestedModel(query, body, directory)
    let endpoint = asked.endpoint
    query.note {
      $0.endpoint = endpoint.name
      $0.isStream = body.isStream
    }
    let arrived = query.elapsed
    var admission = await endpoint.admission.admit(pinnedTo: asked.entity, disconnect)
    query.note { $0.queued = query.elapsed - arrived }
    var lastFailure: String?
    while true {
      switch admission {
      case .left: throw GatewayError(.clientLeft, endpoint: endpoint.name)
      case .refused(.unknownEntity(let entity)) where endpoint.admission.models.isDeploying(entity):
        throw GatewayError.deploying("served entity \"\(entity)\"", endpoint: endpoint.name)
      case .refused(let refusal):
        throw GatewayError.refused(refusal, endpoint: endpoint.name, lastFailure: lastFailure)
      case .admitted(let ticket):
        query.note {
          $0.entity = ticket.replica.entity
          $0.version = ticket.replica.version
          $0.replica = ticket.replica.id
          $0.attempts += 1
        }
        switch try await attempt(query, body, asked, ticket) {
        case .answered(let response): return response
        case .turnedAway(let why, let pause):
          lastFailure = why
          query.forgetPlace()
          admission = await endpoint.admission.bounce(ticket, pause: pause, query.disconnect)
        }
      }
    }
  }

  // MARK: The request

  private func read(_ query: Query) async throws -> QueryBody {
    let announced = query.request.headers[.contentLength].flatMap { Int($0) }
    if let announced, announced > limits.maxBodyBytes { throw GatewayError.tooLarge(limits.maxBodyBytes) }
    let bytes: ByteBuffer
    do {
      bytes = try await query.request.body.collect(upTo: limits.maxBodyBytes)
    } catch is NIOTooManyBytesError {
      throw GatewayError.tooLarge(limits.maxBodyBytes)
    } catch let error as GatewayError {
      // The connection has already responded; only the record is left.
      throw error
    } catch {
      throw GatewayError(.clientLeft, endpoint: "")
    }
    // The server ends a truncated body as if it were complete.
    if let announced, bytes.readableBytes < announced { throw GatewayError(.clientLeft, endpoint: "") }
    // Scanning a long body takes milliseconds, which would delay every other connection of this event loop.
    guard bytes.readableBytes > 1 << 18 else { return try Self.scan(bytes) }
    return try await withTaskExecutorPreference(globalConcurrentExecutor) { try Self.scan(bytes) }
  }

  private static func scan(_ bytes: ByteBuffer) throws -> QueryBody {
    do throws(QueryBody.Malformed) {
      return try QueryBody(scanning: bytes)
    } catch {
      throw GatewayError.malformed(error)
    }
  }

  // MARK: One replica

  private enum Outcome {
    case answered(Response)
    /// The replica took no part of it: another one may.
    case turnedAway(String, pause: Duration)
  }

  private func attempt(
    _ query: Query, _ body: QueryBody, _ asked: RequestedModel, _ ticket: AdmissionTicket
  ) async throws -> Outcome {
    let endpoint = asked.endpoint
    let admission = endpoint.admission
    query.atEnd { admission.finish(ticket) }
    // The entity may have got replicas of another version during the wait, or this one may not have the adapter yet.
    if let name = asked.adapter, !ticket.replica.models.contains(name) {
      let others = admission.models.entities(serving: name, among: admission.entities)
      guard !others.isEmpty else { throw GatewayError.unknownAdapter(name, endpoint: endpoint) }
      return .turnedAway("the replica does not have the model or adapter \"\(name)\"", pause: .zero)
    }
    let upstream: UpstreamResponse
    do {
      let response = try await pool.send(
        request(query, body, asked, ticket.replica), to: ticket.replica.address, on: query.channel.eventLoop
      ) { exchange in
        query.disconnect.onDisconnect { [weak query] in
          exchange.cancel(.clientLeft)
          query?.end(status: 499, error: GatewayError(.clientLeft, endpoint: endpoint.name))
        }
        admission.whenCutOff(ticket) { exchange.cancel(.cutOff) }
      }
      upstream = try await withoutSecrets(response, of: ticket.replica, admission)
    } catch let failure as UpstreamFailure {
      switch failure {
      case .unreachable, .closedBeforeRequest:
        return .turnedAway(failure.description, pause: limits.unreachablePause)
      default: break
      }
      throw GatewayError(failure, endpoint: endpoint.name, ended: await ending(of: ticket.replica, admission, failure))
    }
    if let why = Self.refusal(upstream) {
      let pause = upstream.head.status == .serviceUnavailable ? limits.busyPause : limits.unreachablePause
      return .turnedAway(why, pause: pause)
    }
    return .answered(respond(query, asked, ticket.replica, upstream))
  }

  /// The response; an error whole, and without the secrets that the replica's server may repeat in its message.
  private func withoutSecrets(
    _ response: UpstreamResponse, of replica: UpstreamReplica, _ admission: EndpointAdmission
  ) async throws -> UpstreamResponse {
    guard !(200..<300).contains(response.head.status.code) else { return response }
    let body: ByteBuffer
    switch response.body {
    case .whole(let whole): body = whole
    case .stream(let stream): body = try await collected(stream)
    }
    let text = await admission.redact(String(buffer: body), replica.id)
    return UpstreamResponse(head: response.head, body: .whole(ByteBuffer(string: text)))
  }

  /// The body of an error; empty if it is too long to be a message.
  private func collected(_ stream: UpstreamStream) async throws -> ByteBuffer {
    var body = ByteBuffer()
    for try await piece in stream {
      body.writeImmutableBuffer(piece)
      // Leaving the loop closes the connection to the replica.
      if body.readableBytes > limits.maxBufferedResponse { return ByteBuffer() }
    }
    return body
  }

  /// The reason the replica ended, if it did.
  private func ending(
    of replica: UpstreamReplica, _ admission: EndpointAdmission, _ failure: UpstreamFailure
  ) async -> String? {
    guard failure.mayBeEnd else { return nil }
    return await admission.exitReasons.cause(of: replica.id, within: limits.endingPatience)
  }

  private func request(
    _ query: Query, _ body: QueryBody, _ asked: RequestedModel, _ replica: UpstreamReplica
  ) -> UpstreamRequest {
    let slices = asked.adapter.map(body.slices(asking:)) ?? body.slices(modelName: replica.modelName)
    var headers = HTTPHeaders()
    headers.add(name: "host", value: "localhost")
    headers.add(name: "content-type", value: query.request.headers[.contentType] ?? "application/json")
    headers.add(name: "content-length", value: String(slices.reduce(0) { $0 + $1.readableBytes }))
    headers.add(name: "x-request-id", value: query.requestID)
    // Nothing else from the client is passed on, least of all its token; traces only correlate requests.
    for name in [HTTPField.Name.accept, .traceparent, .traceState] {
      if let value = query.request.headers[name] { headers.add(name: name.rawName, value: value) }
    }
    return UpstreamRequest(path: query.target.upstreamPath(for: body.task), headers: headers, body: slices)
  }

  /// The replica's message if it did not accept the request: too busy, or shutting down, which vLLM reports as a 500.
  private static func refusal(_ upstream: UpstreamResponse) -> String? {
    guard case .whole(let body) = upstream.body else { return nil }
    switch upstream.head.status {
    case .serviceUnavailable: return String(buffer: body)
    case .internalServerError:
      let text = String(buffer: body)
      return text.contains("cannot schedule new futures after shutdown") ? text : nil
    default: return nil
    }
  }

  // MARK: The answer

  private func respond(
    _ query: Query, _ asked: RequestedModel, _ replica: UpstreamReplica, _ upstream: UpstreamResponse
  ) -> Response {
    let endpoint = asked.endpoint
    let status = Int(upstream.head.status.code)
    let headers = Self.headers(upstream.head.headers, query, replica)
    let isEventStream = headers[.contentType]?.hasPrefix("text/event-stream") ?? false
    let isObject = headers[.contentType]?.hasPrefix("application/json") ?? false
    let framing: ModelNameRewriter.Framing? = isEventStream ? .events : isObject ? .object : nil
    var modelName = status == 200 ? framing.map { ModelNameRewriter(asked.name, $0) } : nil
    switch upstream.body {
    case .whole(var body):
      query.note { $0.timeToFirstToken = status == 200 ? query.elapsed : nil }
      var tail = ResponseTail()
      if status == 200 { tail.append(body) } else { body = withErrorCode(body, status: status) }
      body = modelName?.rewritten(body) ?? body
      query.note { record in
        (record.promptTokens, record.completionTokens) = tail.usage ?? (nil, nil)
        if status >= 400 { record.errorCode = "UPSTREAM_\(status)" }
        if status >= 400 { record.error = message(of: body) }
      }
      query.end(status: status)
      return Response(status: .init(code: status), headers: headers, body: .init(byteBuffer: body))
    case .stream(let stream):
      let relay = StreamRelay(
        query: query, endpoint: endpoint.name, stream: stream, status: status, isEventStream: isEventStream,
        modelName: modelName
      ) { failure in await ending(of: replica, endpoint.admission, failure) }
      return Response(
        status: .init(code: status), headers: headers, body: ResponseBody { writer in try await relay.run(&writer) })
    }
  }

  /// The replica's headers, without those of its connection, and with the gateway's own.
  private static func headers(_ upstream: HTTPHeaders, _ query: Query, _ replica: UpstreamReplica) -> HTTPFields {
    let ownedByConnection: Set<String> = [
      "connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "upgrade", "trailer",
      "proxy-connection", "x-request-id",
    ]
    var headers = HTTPFields()
    for (name, value) in upstream where !ownedByConnection.contains(name.lowercased()) {
      if let name = HTTPField.Name(name) { headers.append(HTTPField(name: name, value: value)) }
    }
    headers[.servedModelName] = replica.entity
    headers[.requestID] = query.requestID
    return headers
  }
}
