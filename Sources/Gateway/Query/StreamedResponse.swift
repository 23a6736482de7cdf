import NIOCore
import NIOHTTP1

/// A replica's response on its way to the client: puts the endpoint's name in the place of the model's, and remembers
/// its end. Confined to the event loop of its query.
final class StreamedResponse: @unchecked Sendable {
  let status: Int
  let isEventStream: Bool
  private var modelName: ModelNameRewriter?
  private var tail = ResponseTail()
  private var hasData = false

  init(_ head: HTTPResponseHead, for model: RequestedModel) {
    status = Int(head.status.code)
    let type = head.headers.first(name: "content-type") ?? ""
    isEventStream = type.hasPrefix("text/event-stream")
    guard status == 200 else { return }
    if isEventStream {
      modelName = ModelNameRewriter(model.name, .events)
    } else if type.hasPrefix("application/json") {
      modelName = ModelNameRewriter(model.name, .object)
    }
  }

  /// Takes note of a piece. Returns whether it is the first with data: a comment is not data, and vLLM sends comments
  /// while a request waits.
  func append(_ piece: ByteBuffer) -> Bool {
    tail.append(piece)
    guard !hasData, piece.getInteger(at: piece.readerIndex, as: UInt8.self) != UInt8(ascii: ":") else { return false }
    hasData = true
    return true
  }

  /// The piece as the client gets it; may be empty. To be called once for each piece, in order.
  func rewritten(_ piece: ByteBuffer) -> ByteBuffer { modelName?.rewritten(piece) ?? piece }

  /// The token counts at its end.
  var usage: (prompt: Int64?, completion: Int64?)? { tail.usage }

  /// The message of an error event at its end.
  var lateError: String? { tail.lateError }
}
