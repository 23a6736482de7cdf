import HTTPSupport
import HTTPTypes
import Hummingbird
import NIOCore

/// Relays a long response piece by piece, no faster than the client reads.
struct StreamRelay: Sendable {
  let query: Query
  let endpoint: String
  let stream: UpstreamStream
  let status: Int
  let isEventStream: Bool
  /// Puts the endpoint's name into the response; nil if it is passed on unchanged.
  let modelName: ModelNameRewriter?
  /// The reason the replica ended, if that is the cause of the failure.
  let ending: @Sendable (UpstreamFailure) async -> String?

  /// Writes the whole response. The request's place is held until the last byte.
  func run(_ writer: inout any ResponseBodyWriter) async throws {
    var tail = ResponseTail()
    var modelName = modelName
    var hasData = false
    var failure: UpstreamFailure?
    let pieces = stream.makeAsyncIterator()
    do {
      while let piece = try await pieces.next() {
        // A comment is not data: vLLM sends comments while a request waits.
        if !hasData, piece.readableBytesView.first != UInt8(ascii: ":") {
          hasData = true
          query.note { $0.timeToFirstToken = query.elapsed }
        }
        tail.append(piece)
        let written = modelName?.rewritten(piece) ?? piece
        if written.readableBytes > 0 { try await writer.write(written) }
      }
    } catch let error as UpstreamFailure {
      failure = error
    } catch {
      // The client's side failed; leaving the loop closes the replica's.
      query.end(status: 499, error: GatewayError(.clientLeft, endpoint: endpoint))
      throw error
    }
    try await finish(&writer, tail, failure)
  }

  private func finish(_ writer: inout any ResponseBodyWriter, _ tail: ResponseTail, _ failure: UpstreamFailure?)
    async throws
  {
    query.note { record in
      (record.promptTokens, record.completionTokens) = tail.usage ?? (nil, nil)
      if let message = tail.lateError {
        record.errorCode = "UPSTREAM_STREAM_ERROR"
        record.error = message
      }
    }
    var error: GatewayError?
    if let failure { error = GatewayError(failure, endpoint: endpoint, ended: await ending(failure)) }
    defer { query.end(status: failure == .clientLeft ? 499 : status, error: error) }
    if let error, let failure {
      // Too late for another status. In an event stream the client is told; otherwise only a cut-off shows that it is
      // incomplete.
      guard isEventStream, failure != .clientLeft else { throw failure }
      try await writer.write(error.event)
    }
    try await writer.finish(nil)
  }
}
