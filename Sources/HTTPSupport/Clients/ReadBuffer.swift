import NIOCore
import NIOHTTP1

/// The size of a connection's read buffer, which the connection keeps while it is open.
enum ReadBuffer: Hashable {
  /// For heads and short bodies.
  case small
  /// For long bodies, which then take far fewer reads.
  case large

  private static let longBody = 16 << 10

  init(forBodyOf head: HTTPRequestHead) {
    let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    self = length > Self.longBody ? .large : .small
  }

  /// On the channel's event loop.
  func apply(to channel: any Channel) {
    switch self {
    case .small:
      set(AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: 4096), on: channel)
    case .large:
      set(FixedSizeRecvByteBufferAllocator(capacity: 32 << 10), on: channel)
    }
  }

  private func set(_ allocator: any RecvByteBufferAllocator, on channel: any Channel) {
    // It fails only on a closed channel.
    try? channel.syncOptions?.setOption(.recvAllocator, value: allocator)
  }
}
