import NIOCore
import NIOHTTP1

/// A replica's response on its way to the client: puts the endpoint's name in the place of the model's, or translates a
/// stream for a `generate` route, and remembers its end. Confined to the event loop of its query.
final class StreamedResponse: @unchecked Sendable {
  let status: Int
  let isEventStream: Bool
  private var modelName: ModelNameRewriter?
  private var translation: GenerateEvents?
  private var tail = ResponseTail()
  private var hasData = false

  /// - Parameter events: what translates a stream; nil if it is passed on.
  init(_ head: HTTPResponseHead, for model: RequestedModel, translatedBy events: GenerateEvents?) {
    status = Int(head.status.code)
    isEventStream = head.isEventStream
    guard status == 200 else { return }
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

  /// Takes note of a whole response.
  func note(_ whole: ByteBuffer) { tail.append(whole) }

  /// Takes note of a piece of a stream, and returns it as the client gets it, which may be empty, and whether it is the
  /// first with data: a comment is not data, and vLLM sends comments while a request waits. To be called once for each
  /// piece, in order.
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
  var usage: (prompt: Int64?, completion: Int64?)? { tail.usage }

  /// The message of an error event at its end.
  var lateError: String? { if let translation { translation.error } else { tail.lateError } }
}

extension HTTPResponseHead {
  fileprivate var contentType: String { headers.first(name: "content-type") ?? "" }

  var isEventStream: Bool { contentType.hasPrefix("text/event-stream") }
}
