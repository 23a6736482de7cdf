internal import LibCrypto

/// The webhook calls that were acted on, so that one that somebody recorded and sends again does nothing. Pure.
///
/// What counts is what is signed: the body. A delivery's number stands in a header that whoever replays it can change.
struct SeenDeliveries {
  /// So many are remembered, the newest; a push can only be replayed when as many others came after it.
  private let capacity: Int
  private var digests: Set<SHA256Digest> = []
  /// The same in the order they came, as a ring.
  private var order: [SHA256Digest] = []
  private var oldest = 0

  init(capacity: Int = 4096) { self.capacity = max(1, capacity) }

  /// Remembers a call.
  ///
  /// - Returns: whether it had not been seen.
  mutating func remember(_ body: [UInt8]) -> Bool {
    let digest = SHA256.hash(body)
    guard digests.insert(digest).inserted else { return false }
    if order.count < capacity {
      order.append(digest)
    } else {
      digests.remove(order[oldest])
      order[oldest] = digest
      oldest = (oldest + 1) % capacity
    }
    return true
  }
}
