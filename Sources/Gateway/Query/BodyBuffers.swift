import NIOCore
import Synchronization

/// Buffers of long request bodies that are used again. A new one for each body costs more than copying the body into
/// it, because the kernel has to map and clear its pages, and to unmap them on every core.
final class BodyBuffers: Sendable {
  private struct Kept {
    var buffers: [ByteBuffer] = []
    var bytes = 0
  }

  /// The capacities of the buffers that are kept: a shorter one comes from memory that the process has, and longer ones
  /// are rare.
  static let capacities = (64 << 10)...(1 << 20)

  /// The most bytes that are kept.
  private let limit: Int
  private let kept = Mutex(Kept())

  init(limit: Int = 8 << 20) { self.limit = limit }

  /// An empty buffer of at least this capacity, and at most twice of it: a body must not hold much more memory than is
  /// counted for it. Nil if none is kept.
  func take(_ capacity: Int) -> ByteBuffer? {
    guard Self.capacities.contains(capacity) else { return nil }
    let suitable = capacity...(2 * capacity)
    return kept.withLock { kept in
      guard let index = kept.buffers.lastIndex(where: { suitable.contains($0.storageCapacity) }) else { return nil }
      kept.buffers.swapAt(index, kept.buffers.count - 1)
      let buffer = kept.buffers.removeLast()
      kept.bytes -= buffer.storageCapacity
      return buffer
    }
  }

  /// Takes a buffer back, unless something else still refers to its bytes. `buffer` is nil afterward.
  func put(_ buffer: inout ByteBuffer?) {
    guard var own = buffer.take(), Self.capacities.contains(own.storageCapacity) else { return }
    guard own.modifyIfUniquelyOwned({ $0.clear() }) != nil else { return }
    kept.withLock { kept in
      guard kept.bytes + own.storageCapacity <= limit else { return }
      kept.bytes += own.storageCapacity
      kept.buffers.append(own)
    }
  }
}
