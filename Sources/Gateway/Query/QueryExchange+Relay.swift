import NIOCore

// Relaying a stream. An error event in it is held until the secrets that the replica's server may repeat in it are taken
// out, and what follows it with it.
extension QueryExchange {
  func relay(_ bytes: ByteBuffer, _ stream: StreamedResponse, _ exchange: UpstreamExchange) {
    let part = stream.examined(bytes)
    relay(part.passed, stream)
    if let error = part.error { redact(error.line, before: error.rest, stream, exchange) }
  }

  /// Relays a part that has been examined.
  func relay(_ part: ByteBuffer, _ stream: StreamedResponse) {
    guard part.readableBytes > 0 else { return }
    let (written, isFirstData) = stream.relay(part)
    if isFirstData { record.timeToFirstToken = elapsed }
    write(written)
  }

  private func redact(
    _ error: ByteBuffer, before rest: ByteBuffer, _ stream: StreamedResponse, _ exchange: UpstreamExchange
  ) {
    guard let endpoint, let ticket else { return }
    eventsBehindError = []
    // What precedes the error does not wait for it.
    client.flush()
    exchange.pause()
    let (admission, text, replica) = (endpoint.admission, String(buffer: error), ticket.replica.id)
    eventLoop.makeFutureWithTask { await admission.redact(text, replica) }.whenComplete { [self] result in
      let behind = eventsBehindError ?? []
      eventsBehindError = nil
      if isOver { return }
      // It throws nothing, so there always is a text.
      let redacted = ByteBuffer(string: (try? result.get()) ?? "")
      stream.note(error: redacted)
      relay(redacted, stream)
      receive(.piece(rest))
      for event in behind { receive(event) }
      if eventsBehindError == nil, client.isWritable { exchange.resume() }
    }
  }
}
