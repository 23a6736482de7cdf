import CanonicalJSON
import NIOCore

// The answers of a `generate` route: a replica's chat completion in the route's own form.
extension QueryExchange {
  /// How the route writes errors.
  var errorForm: ErrorForm { target.isGenerate ? .generate(requestID: requestID) : .common }

  /// What translates a stream; nil if streams are passed on.
  var generateEvents: GenerateEvents? {
    guard target.isGenerate else { return nil }
    return GenerateEvents(errors: errorForm, maxLineBytes: gateway.limits.maxBufferedResponse)
  }

  /// A whole answer in the route's form; nil if it is not a chat completion.
  func generated(_ bytes: ByteBuffer) -> ByteBuffer? {
    guard let text = (try? JSONValue(parsing: Array(bytes.readableBytesView)))?.completionText else { return nil }
    return ByteBuffer(bytes: figures.answer(text).bytes())
  }

  /// The figures that follow the texts of a stream; nil if it has failed, and for other routes.
  func lastEvent(of stream: StreamedResponse) -> ByteBuffer? {
    guard stream.isTranslated, stream.lateError == nil else { return nil }
    return figures.json.serverSentEvent
  }

  private var figures: GenerateFigures {
    GenerateFigures(
      modelVersion: record.version, latency: elapsed, requestID: requestID, tokensIn: record.promptTokens,
      tokensOut: record.completionTokens)
  }
}
