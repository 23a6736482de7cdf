import NIOCore

/// The bodies of a request and its response while they are being recorded. They are part of a bounded memory until the
/// request ends; without room in it, nothing of the request is recorded.
struct PayloadRecording {
  private let memory: PayloadMemory
  /// Nil once the memory was full.
  private var payload: RecordedPayload?
  private var held = 0

  /// The most bytes of a body that are recorded.
  private static let limit = 1 << 20

  /// Nil if the request is not among those that are recorded.
  init?(_ request: ByteBuffer, _ rules: QueryRules, _ gateway: Gateway) {
    let fraction = rules.payloadSampling
    guard fraction > 0, gateway.random.fraction() < fraction else { return nil }
    memory = gateway.payloads
    let kept = min(request.readableBytes, Self.limit)
    guard memory.take(kept) else { return }
    held = kept
    // A copy, because a body's buffer may be much longer, and is used again.
    var copy = ByteBuffer()
    copy.writeImmutableBuffer(request.slice(0..<kept))
    payload = RecordedPayload(
      request: copy, response: ByteBuffer(), isTruncated: kept < request.readableBytes)
  }

  /// Records a part of the response.
  mutating func respond(_ bytes: ByteBuffer) {
    guard payload != nil else { return }
    let room = Self.limit - (payload?.response.readableBytes ?? 0)
    let kept = min(bytes.readableBytes, room)
    if kept < bytes.readableBytes { payload?.isTruncated = true }
    guard kept > 0 else { return }
    guard memory.take(kept) else {
      payload = nil
      release()
      return
    }
    held += kept
    payload?.response.writeImmutableBuffer(bytes.slice(0..<kept))
  }

  /// Whether nothing is recorded because the memory was full.
  var isLost: Bool { payload == nil }

  /// Gives the memory back, and returns what was recorded; nil if the memory was full.
  mutating func end() -> RecordedPayload? {
    release()
    return payload
  }

  private mutating func release() {
    memory.giveBack(held)
    held = 0
  }
}
