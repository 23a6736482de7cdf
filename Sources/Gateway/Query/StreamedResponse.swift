import NIOCore
import NIOHTTP1

/// A replica's response on its way to the client: takes out token counts that the client did not ask for, puts the
/// endpoint's name in the place of the model's, or translates a stream for a `generate` route, and remembers its end.
/// Confined to the event loop of its query.
final class StreamedResponse: @unchecked Sendable {
  let status: Int
  let isEventStream: Bool
  private var modelName: ModelNameRewriter?
  private var translation: GenerateEvents?
  /// Nil if it is not an event stream.
  private var filter: EventFilter?
  private var tail = ResponseTail()
  private var error: String?
  private var hasData = false

  /// - Parameters:
  ///   - events: what translates a stream; nil if it is passed on.
  ///   - removingUsage: whether the token counts at the end of a stream are not for the client.
  init(
    _ head: HTTPResponseHead, for model: RequestedModel, translatedBy events: GenerateEvents?, removingUsage: Bool
  ) {
    status = Int(head.status.code)
    isEventStream = head.isEventStream
    guard head.isSuccess else { return }
    if isEventStream { filter = EventFilter(removingUsage: removingUsage) }
    if isEventStream, events != nil {
      translation = events
    } else if isEventStream {
      modelName = ModelNameRewriter(model.name, .events)
    } else if head.contentType.hasPrefix("application/json") {
      modelName = ModelNameRewriter(model.name, .object)
    }
  }

  /// Whether it is a stream whose events are those of a `generate` route.
  var isTranslated: Bool { translation != nil }

  /// Takes note of a whole response, which is not an event stream.
  func note(_ whole: ByteBuffer) { tail.append(whole) }

  /// The next piece of a stream without what is not for the client, up to the first error event. To be called once for
  /// each piece, in order, before the part is relayed.
  func examined(_ piece: ByteBuffer) -> EventFilter.Part { filter?.next(piece) ?? EventFilter.Part(passed: piece) }

  /// What has not been passed on at the end of a stream.
  func rest() -> ByteBuffer { filter?.rest() ?? ByteBuffer() }

  /// Takes note of an error event, which is relayed next.
  func note(error line: ByteBuffer) {
    var event = ResponseTail()
    event.append(line)
    error = event.lateError ?? "the replica reported an error mid-stream"
  }

  /// Takes note of a part of a stream, and returns it as the client gets it, which may be empty, and whether it is the
  /// first with data: a comment is not data, and vLLM sends comments while a request waits. To be called once for each
  /// part, in order.
  func relay(_ piece: ByteBuffer) -> (written: ByteBuffer, isFirstData: Bool) {
    let written = rewritten(piece)
    // A piece shares the connection's read buffer, which is used again only if nothing refers to it.
    let kept = isTranslated ? piece : written
    if kept.readableBytes > 0 { tail.append(kept) }
    let isData = piece.getInteger(at: piece.readerIndex, as: UInt8.self) != UInt8(ascii: ":")
    defer { hasData = hasData || isData }
    return (written, isData && !hasData)
  }

  /// The response, or its next piece, as the client gets it.
  func rewritten(_ piece: ByteBuffer) -> ByteBuffer {
    translation?.translated(piece) ?? modelName?.rewritten(piece) ?? piece
  }

  /// The token counts at its end.
  var usage: (prompt: Int64?, completion: Int64?)? { filter?.usage ?? tail.usage }

  /// The number of events so far, each of which has about one token.
  var eventCount: Int64 { filter?.eventCount ?? 0 }

  /// Why the answer ended, if it did.
  var finishReason: String? { tail.finishReason }

  /// The message of an error event in the stream.
  var lateError: String? { if let translation { translation.error } else { error } }
}

extension HTTPResponseHead {
  /// In lower case.
  fileprivate var contentType: String { headers.first(name: "content-type")?.lowercased() ?? "" }

  var isSuccess: Bool { (200..<300).contains(status.code) }

  var isEventStream: Bool { contentType.hasPrefix("text/event-stream") }
}
