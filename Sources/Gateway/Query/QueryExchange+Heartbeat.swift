import NIOCore
import NIOHTTP1

// Comments to a client that waits for a stream: they keep its connection open while a replica starts. The response then
// begins with status 200 before the replica has answered, so a later failure is an event of the stream.
extension QueryExchange {
  func armHeartbeat() {
    guard case .waiting(let body, _, _) = state, body.isStream else { return }
    heartbeat?.cancel()
    heartbeat = eventLoop.scheduleTask(in: .nanoseconds(gateway.limits.heartbeat.nanoseconds)) { [self] in beat() }
  }

  private func beat() {
    guard case .waiting(_, let model, let id?) = state else { return }
    let admission = model.endpoint.admission
    // Behind busy replicas, a request can still be refused with its own status.
    if admission.isUnserved(id), client.isWritable {
      if !isHeadSent {
        var head = responseHead(.ok, ["content-type": "text/event-stream; charset=utf-8"])
        // Its wait is not over, and a replica that it was sent to before has not answered.
        for name in Self.laterHeaders { head.headers.remove(name: name) }
        client.write(.head(head))
        isHeadSent = true
      }
      let phase = admission.startPhase.map { " (\($0))" } ?? ""
      let comment = ByteBuffer(string: ": waiting for a replica\(phase)\n\n")
      record.bytesOut += comment.readableBytes
      client.write(.body(.byteBuffer(comment)))
      client.flush()
    }
    armHeartbeat()
  }

  /// The headers whose values are not known before a replica answers.
  private static let laterHeaders = [
    "served-model-name", "x-setpoint-model-version", "x-setpoint-queue-ms", "x-setpoint-cold-start-ms",
  ]
}

extension GatewayAnswer {
  /// The answer as a part of a stream whose status was already sent.
  var inEventStream: ByteBuffer {
    if headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true { return body }
    return ByteBuffer(string: "data: \(String(buffer: body))\n\n")
  }
}
