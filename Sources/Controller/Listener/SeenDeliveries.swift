internal import LibCrypto

/// The webhook calls that were processed, so that a replayed call has no effect. Pure.
///
/// A call is identified by the part that is signed: the body. The delivery number is in a header that an attacker can
/// change.
struct SeenDeliveries {
  /// How many calls are remembered, newest first; a call can be replayed only after this many others.
  private let capacity: Int
  private var digests: Set<SHA256Digest> = []
  /// The same digests in the order received, as a ring.
  private var order: [SHA256Digest] = []
  private var oldest = 0

  init(capacity: Int = 4096) { self.capacity = max(1, capacity) }

  /// Records a call.
  ///
  /// - Returns: whether it is new.
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
