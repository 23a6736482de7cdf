import HTTPSupport
import NIOCore
import NIOHTTP1

// The response to the client.
extension QueryExchange {
  func respond(whole head: HTTPResponseHead, _ bytes: ByteBuffer, _ model: RequestedModel) {
    let stream = StreamedResponse(head, for: model, translatedBy: generateEvents)
    let status = Int(head.status.code)
    var headers = passedOn(head.headers)
    let body: ByteBuffer
    if status == 200 {
      record.timeToFirstToken = elapsed
      stream.note(bytes)
      (record.promptTokens, record.completionTokens) = stream.usage ?? (nil, nil)
      guard let written = target.isGenerate ? generated(bytes, stream) : stream.rewritten(bytes) else {
        return refuse(.unusableAnswer("it is not a chat completion", endpoint: model.endpoint.name))
      }
      body = written
    } else {
      body = errorForm.body(ofReplica: bytes, status: status)
      if status >= 400 { (record.errorCode, record.error) = ("UPSTREAM_\(status)", message(of: body)) }
    }
    if target.isGenerate, !stream.isTranslated {
      headers.replaceOrAdd(name: "content-type", value: "application/json")
    }
    end(status: status)
    respond(GatewayAnswer(status: head.status, headers: headers, body: body))
  }

  /// Ends a stream. After a failure, it is too late for another status: in an event stream the client is told;
  /// otherwise only a cut-off connection shows that the response is incomplete.
  func finish(_ stream: StreamedResponse, _ failure: UpstreamFailure?, ended cause: String? = nil) {
    if isOver { return }
    (record.promptTokens, record.completionTokens) = stream.usage ?? (nil, nil)
    if let message = stream.lateError { (record.errorCode, record.error) = ("UPSTREAM_STREAM_ERROR", message) }
    guard let failure else {
      if let last = lastEvent(of: stream) { client.write(.body(.byteBuffer(last))) }
      end(status: stream.status)
      client.finish()
      return
    }
    let error = GatewayError(failure, endpoint: record.endpoint ?? "", ended: cause)
    end(status: failure == .clientLeft ? 499 : stream.status, error: error)
    guard stream.isEventStream, failure != .clientLeft else {
      client.cutOff()
      return
    }
    client.write(.body(.byteBuffer(errorForm.json(of: error).serverSentEvent)))
    client.finish()
  }

  func respond(_ answer: GatewayAnswer) {
    end(status: Int(answer.status.code))
    if isHeadSent {
      client.write(.body(.byteBuffer(answer.inEventStream)))
      return client.finish()
    }
    var headers = answer.headers
    headers.add(name: "content-length", value: String(answer.body.readableBytes))
    client.write(.head(responseHead(answer.status, headers)))
    if answer.body.readableBytes > 0 { client.write(.body(.byteBuffer(answer.body))) }
    client.finish()
  }

  /// The replica's headers, without those of its connection and those that are the gateway's own.
  func passedOn(_ upstream: HTTPHeaders) -> HTTPHeaders {
    var headers = HTTPHeaders()
    headers.reserveCapacity(9)
    for (name, value) in upstream where !Self.isReplaced(name) {
      headers.add(name: name, value: value)
    }
    return headers
  }

  private static func isReplaced(_ name: String) -> Bool {
    // Only a name of the right length is compared.
    replacedLengths.contains(name.utf8.count) && replaced.contains(name.lowercased())
  }

  private static let replacedLengths = Set(replaced.map(\.utf8.count))

  private static let replaced: Set<String> = [
    "connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "upgrade", "trailer",
    "proxy-connection", "x-request-id", "served-model-name", "x-setpoint-model-version", "x-setpoint-queue-ms",
    "x-setpoint-cold-start-ms",
  ]

  /// The head of a response, with the gateway's own headers: those of the served entity only if the request was sent to
  /// one.
  func responseHead(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) -> HTTPResponseHead {
    var headers = headers
    headers.add(name: "date", value: gateway.dates.now)
    if target.isRecorded {
      headers.add(name: "x-request-id", value: requestID)
      if let entity = record.entity { headers.add(name: "served-model-name", value: entity) }
      if let version = record.version { headers.add(name: "x-setpoint-model-version", value: version) }
      headers.add(name: "x-setpoint-queue-ms", value: String(record.queued.nanoseconds / 1_000_000))
    }
    if let coldStart = record.coldStart {
      headers.add(name: "x-setpoint-cold-start-ms", value: String(coldStart.nanoseconds / 1_000_000))
    }
    // Without a length, only the end of the connection shows the end of a response that cannot be chunked.
    if (head.version.major, head.version.minor) < (1, 1), !headers.contains(name: "content-length") {
      headers.replaceOrAdd(name: "connection", value: "close")
    }
    return HTTPResponseHead(version: head.version, status: status, headers: headers)
  }
}
