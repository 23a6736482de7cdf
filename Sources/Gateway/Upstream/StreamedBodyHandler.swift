import Glibc
import NIOCore

/// Takes the chunks of a streamed response out of their framing in front of the HTTP decoder, for which each chunk costs
/// several events. Everything else of a response passes through the decoder, which sees a body without these chunks: the
/// head, the end, and bodies in any other form. Confined to its event loop.
final class StreamedBodyHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private enum State {
    /// The next bytes begin a response. Goes to reading or passing.
    case beginning
    /// Reads chunks. Goes to passing at the end of the body.
    case reading(PlainChunks)
    /// Leaves everything to the decoder. Goes to beginning with the next request.
    case passing
  }

  private let connection: UpstreamConnection
  private var state = State.passing

  init(_ connection: UpstreamConnection) { self.connection = connection }

  /// A request is sent, and its response is next.
  func expectResponse() { state = .beginning }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch state {
    case .passing: context.fireChannelRead(data)
    case .beginning:
      state = .passing
      let bytes = unwrapInboundIn(data)
      context.fireChannelRead(data)
      if connection.isReadingChunks, let chunks = Self.chunks(behindHeadIn: bytes) { state = .reading(chunks) }
    case .reading(let chunks): read(unwrapInboundIn(data), chunks, context)
    }
  }

  private func read(_ bytes: ByteBuffer, _ before: PlainChunks, _ context: ChannelHandlerContext) {
    var (bytes, chunks) = (bytes, before)
    state = .passing
    while let part = chunks.next(&bytes) {
      switch part {
      case .data(let data): connection.receiveChunk(data)
      case .other: return context.fireChannelRead(wrapInboundOut(bytes))
      case .malformed: return connection.receiveMalformedChunk()
      }
    }
    state = .reading(chunks)
  }

  /// How far a body has come whose head is in these bytes too: the decoder reads them as well, and nothing more of the
  /// body until its end. Nil if the head is not complete, or if it is not followed by whole plain chunks alone.
  private static func chunks(behindHeadIn bytes: ByteBuffer) -> PlainChunks? {
    guard let length = headLength(in: bytes) else { return nil }
    var rest = bytes
    rest.moveReaderIndex(forwardBy: length)
    var chunks = PlainChunks()
    while let part = chunks.next(&rest) {
      guard case .data = part else { return nil }
    }
    return chunks.isBetweenChunks ? chunks : nil
  }

  /// The length of the head that these bytes begin with; nil if its end is not among them.
  private static func headLength(in bytes: ByteBuffer) -> Int? {
    bytes.withUnsafeReadableBytes { raw -> Int? in
      guard let base = raw.baseAddress else { return nil }
      var start = 0
      while let found = memchr(base + start, 0x0D, raw.count - start) {
        let offset = UnsafeRawPointer(found) - base
        guard offset + headEnd.count <= raw.count else { return nil }
        if memcmp(found, headEnd, headEnd.count) == 0 { return offset + headEnd.count }
        start = offset + 1
      }
      return nil
    }
  }

  private static let headEnd = Array("\r\n\r\n".utf8)
}
