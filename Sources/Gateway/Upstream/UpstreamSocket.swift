import Glibc
import NIOCore
import NIOPosix

/// Facts about a connection that the kernel has and NIO does not expose. Only on the channel's event loop, and while the
/// channel is active: its descriptor is looked up once.
struct UpstreamSocket {
  /// Nil if the channel has none.
  private let descriptor: CInt?

  init(_ channel: any Channel) {
    descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
      $0
    }
  }

  /// Whether there is nothing unread, neither bytes nor the end of the stream. True if that cannot be determined.
  var isQuiet: Bool {
    guard let descriptor else { return true }
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)
  }

  /// The number of bytes that the other side's kernel has acknowledged; nil if the connection is not TCP.
  var acknowledgedBytes: UInt64? {
    guard let descriptor else { return nil }
    // tcpi_bytes_acked of struct tcp_info (linux/tcp.h), since Linux 4.1; glibc's own structure ends before it.
    let offset = 120
    return withUnsafeTemporaryAllocation(byteCount: offset + 8, alignment: 8) { info -> UInt64? in
      var size = socklen_t(info.count)
      let isRead = getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, info.baseAddress, &size) == 0
      guard isRead, Int(size) >= offset + 8 else { return nil }
      let count = info.load(fromByteOffset: offset, as: UInt64.self)
      // The handshake counts as one byte: a kernel that reports 0 does not keep this number.
      return count == 0 ? nil : count
    }
  }
}
