import CanonicalJSON
import HTTPSupport
import NIOCore

/// Turns a replica's stream of chat completion chunks into the events of a `generate` route, piece by piece: an event
/// for each text, and one for an error. Comments are kept. The last event, with the figures, is not part of it.
struct GenerateEvents: Sendable {
  private let errors: ErrorForm
  private let maxLineBytes: Int
  /// The line whose end has not arrived.
  private var line = ByteBuffer()
  /// The message of an error in the stream. What follows an error is dropped.
  private(set) var error: String?

  /// - Parameters:
  ///   - errors: how an error is written.
  ///   - maxLineBytes: the size of the longest line that is accepted.
  init(errors: ErrorForm, maxLineBytes: Int) {
    self.errors = errors
    self.maxLineBytes = maxLineBytes
  }

  /// The events that are complete with this piece; may be empty.
  mutating func translated(_ piece: ByteBuffer) -> ByteBuffer {
    var rest = piece
    var events = ByteBuffer()
    while error == nil, let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
      let last = rest.readSlice(length: end - rest.readerIndex)
    {
      rest.moveReaderIndex(forwardBy: 1)
      line.writeImmutableBuffer(last)
      let complete = Array(line.readableBytesView)
      line = ByteBuffer()
      if let event = event(of: complete) { events.writeImmutableBuffer(event) }
    }
    guard error == nil else { return events }
    line.writeImmutableBuffer(rest)
    if line.readableBytes > maxLineBytes { events.writeImmutableBuffer(fail(Self.invalid("a line is too long"))) }
    return events
  }

  private mutating func event(of line: [UInt8]) -> ByteBuffer? {
    var line = line[...]
    if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
    if line.first == UInt8(ascii: ":") { return ByteBuffer(string: String(decoding: line, as: UTF8.self) + "\n\n") }
    guard line.starts(with: Self.field) else { return nil }
    line = line.dropFirst(Self.field.count)
    if line.first == UInt8(ascii: " ") { line = line.dropFirst() }
    if line.elementsEqual(Self.end) { return nil }
    guard let chunk = try? JSONValue(parsing: Array(line)) else {
      return fail(Self.invalid("an event is not valid JSON"))
    }
    if let error = chunk["error"], !error.isNull {
      let status = Int(clamping: error["code"]?.intValue ?? 500)
      let message = error["message"]?.stringValue ?? "the replica reported an error mid-stream"
      return fail(GatewayError(status, errorCode(for: status), "server_error", message))
    }
    let text = chunk["choices"]?.arrayValue?.first?["delta"]?["content"]?.stringValue ?? ""
    return text.isEmpty ? nil : JSONValue.object(["text": .string(text)]).serverSentEvent
  }

  private mutating func fail(_ failure: GatewayError) -> ByteBuffer {
    error = failure.message
    line = ByteBuffer()
    return errors.json(of: failure).serverSentEvent
  }

  private static let field = Array("data:".utf8)
  private static let end = Array("[DONE]".utf8)

  private static func invalid(_ why: String) -> GatewayError {
    GatewayError(502, "INTERNAL_ERROR", "server_error", "the replica's stream is invalid: \(why)")
  }
}
