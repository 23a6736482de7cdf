import HTTPSupport
import NIOCore
import NIOHTTP1

// The response to the client.
extension QueryExchange {
  func respond(whole head: HTTPResponseHead, _ bytes: ByteBuffer, _ body: QueryBody, _ model: RequestedModel) {
    let stream = StreamedResponse(
      head, for: model, translatedBy: generateEvents, removingUsage: target.asksForUsage(body))
    let status = Int(head.status.code)
    var headers = passedOn(head.headers)
    let answer: ByteBuffer
    if status == 200 {
      record.timeToFirstToken = elapsed
      stream.note(bytes)
      noteEnd(of: stream)
      guard let written = target.isGenerate ? generated(bytes) : stream.rewritten(bytes) else {
        return refuse(.unusableAnswer("it is not a chat completion", endpoint: model.endpoint.name))
      }
      answer = written
    } else {
      answer = errorForm.body(ofReplica: bytes, status: status)
      if status >= 400 { (record.errorCode, record.error) = ("UPSTREAM_\(status)", message(of: answer)) }
    }
    if target.isGenerate {
      headers.replaceOrAdd(name: "content-type", value: "application/json")
    }
    respond(GatewayAnswer(status: head.status, headers: headers, body: answer))
  }

  /// Records what the end of a response says about it.
  private func noteEnd(of stream: StreamedResponse) {
    (record.promptTokens, record.completionTokens) = stream.usage ?? (nil, nil)
    uncountedTokens = stream.eventCount
    // Embeddings, whose answers are long, have no such reason.
    if record.completionTokens != 0 { record.finishReason = stream.finishReason }
  }

  /// Records bytes of the response that are to be written.
  private func note(_ bytes: ByteBuffer) {
    record.bytesOut += bytes.readableBytes
    payload?.respond(bytes)
  }

  /// Writes a part of the response.
  func write(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    note(bytes)
    client.write(.body(.byteBuffer(bytes)))
  }

  /// Ends a stream. After a failure, it is too late for another status: in an event stream the client is told;
  /// otherwise only a cut-off connection shows that the response is incomplete.
  func finish(_ stream: StreamedResponse, _ failure: UpstreamFailure?, ended cause: String? = nil) {
    if isOver { return }
    if failure == nil { relay(stream.rest(), stream) }
    noteEnd(of: stream)
    if let message = stream.lateError { (record.errorCode, record.error) = ("UPSTREAM_STREAM_ERROR", message) }
    guard let failure else {
      if let last = lastEvent(of: stream) { write(last) }
      end(status: stream.status)
      client.finish()
      return
    }
    let error = GatewayError(failure, endpoint: record.endpoint ?? "", ended: cause)
    guard stream.isEventStream, failure != .clientLeft else {
      end(status: failure == .clientLeft ? 499 : stream.status, error: error)
      client.cutOff()
      return
    }
    let event = errorForm.json(of: error).serverSentEvent
    note(event)
    end(status: stream.status, error: error)
    client.write(.body(.byteBuffer(event)))
    client.finish()
  }

  /// Sends a whole response, and ends the request.
  func respond(_ answer: GatewayAnswer, _ error: GatewayError? = nil) {
    let body = isHeadSent ? answer.inEventStream : answer.body
    // A client that has left gets nothing of it.
    if !isClientGone { note(body) }
    end(status: Int(answer.status.code), error: error)
    if !isHeadSent {
      var headers = answer.headers
      headers.add(name: "content-length", value: String(body.readableBytes))
      client.write(.head(responseHead(answer.status, headers)))
    }
    if body.readableBytes > 0 { client.write(.body(.byteBuffer(body))) }
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
