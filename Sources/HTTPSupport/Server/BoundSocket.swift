internal import Glibc
internal import NIOCore
import Synchronization

/// A bound, listening socket. It is closed with this value; a duplicate keeps it alive.
package final class BoundSocket: Sendable {
  package let descriptor: CInt
  private let isClosed = Mutex(false)

  /// Takes over a descriptor that is already listening, such as one that another process handed over.
  package init(adopting descriptor: CInt) { self.descriptor = descriptor }

  deinit { close() }

  /// Closes it early; the value is unusable afterwards.
  package func close() {
    let wasClosed = isClosed.withLock { isClosed in
      defer { isClosed = true }
      return isClosed
    }
    if !wasClosed { Glibc.close(descriptor) }
  }

  /// The next connection, which the caller must close; nil if none is waiting.
  package func accept() -> CInt? {
    let connection = Glibc.accept(descriptor, nil, nil)
    guard connection >= 0 else { return nil }
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    return connection
  }

  /// The number of unaccepted connections that the kernel queues; it may queue fewer (`net.core.somaxconn`).
  private static let backlog: CInt = 1024

  /// Listens on a TCP port; 0 picks a free one.
  ///
  /// - Throws: errors that ``ListenFailure`` understands.
  package static func tcp(host: String, port: Int) throws -> BoundSocket {
    try bound(to: SocketAddress.makeAddressResolvingHost(host, port: port))
  }

  /// Listens on a Unix socket of mode 0600, replacing any file of that name.
  ///
  /// - Throws: as ``tcp(host:port:)``.
  package static func unix(path: String) throws -> BoundSocket {
    let address = try SocketAddress(unixDomainSocketPath: path)
    guard unlink(path) == 0 || errno == ENOENT else { throw IOError(errnoCode: errno, reason: "unlink") }
    let socket = try bound(to: address)
    guard chmod(path, 0o600) == 0 else { throw IOError(errnoCode: errno, reason: "chmod") }
    return socket
  }

  private static func bound(to address: SocketAddress) throws -> BoundSocket {
    let family: CInt =
      switch address {
      case .v4: AF_INET
      case .v6: AF_INET6
      case .unixDomainSocket: AF_UNIX
      }
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(family, type, 0)
    guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
    let listening = BoundSocket(adopting: descriptor)
    if family != AF_UNIX {
      var yes: CInt = 1
      guard setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size)) == 0 else {
        throw IOError(errnoCode: errno, reason: "setsockopt")
      }
    }
    guard address.withSockAddr({ bind(descriptor, $0, socklen_t($1)) }) == 0 else {
      throw IOError(errnoCode: errno, reason: "bind")
    }
    guard listen(descriptor, backlog) == 0 else { throw IOError(errnoCode: errno, reason: "listen") }
    return listening
  }

  /// The TCP port; nil for a Unix socket.
  package var port: Int? {
    // sockaddr_in and sockaddr_in6 begin alike: the family, and the port in network byte order.
    var address = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_storage>.size)
    var length = socklen_t(address.count)
    let code = address.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { getsockname(descriptor, $0.assumingMemoryBound(to: sockaddr.self), &length) } ?? -1
    }
    guard code == 0, length >= 4 else { return nil }
    let family = address.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) }
    guard [sa_family_t(AF_INET), sa_family_t(AF_INET6)].contains(family) else { return nil }
    return Int(address[2]) << 8 | Int(address[3])
  }

  /// Restores the length of the kernel's queue: NIO calls listen again on a socket it is given, with a shorter queue.
  package func restoreBacklog() { _ = Glibc.listen(descriptor, Self.backlog) }

  /// A duplicate descriptor of the same socket, to be closed by its owner.
  package func duplicate() throws -> CInt {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw IOError(errnoCode: errno, reason: "fcntl") }
    return copy
  }
}
