internal import Glibc
internal import NIOCore
import Synchronization

/// A socket that is bound and listens. It is closed when the value goes; whoever was given a duplicate keeps it alive.
package final class BoundSocket: Sendable {
  package let descriptor: CInt
  private let isClosed = Mutex(false)

  /// Takes over a descriptor that listens already, such as one that another process handed over.
  package init(adopting descriptor: CInt) { self.descriptor = descriptor }

  deinit { close() }

  /// Closes it before its time; the value is of no use afterwards.
  package func close() {
    let wasClosed = isClosed.withLock { isClosed in
      defer { isClosed = true }
      return isClosed
    }
    if !wasClosed { Glibc.close(descriptor) }
  }

  /// The next connection, to be closed by the caller; nil where none waits.
  package func accept() -> CInt? {
    let connection = Glibc.accept(descriptor, nil, nil)
    guard connection >= 0 else { return nil }
    _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
    return connection
  }

  /// How many connections the kernel holds that nobody has accepted yet; it may hold fewer (`net.core.somaxconn`).
  private static let backlog: CInt = 1024

  /// Listens on a TCP port; 0 takes any that is free.
  ///
  /// - Throws: what ``ListenFailure`` understands.
  package static func tcp(host: String, port: Int) throws -> BoundSocket {
    try bound(to: SocketAddress.makeAddressResolvingHost(host, port: port))
  }

  /// Listens on a Unix socket of mode 0600, in the place of whatever file has that name.
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
    // sockaddr_in and sockaddr_in6 begin alike: the family, and the port in network order.
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

  /// Sets the length of the kernel's queue again: NIO listens once more on a socket that it is given, with a shorter one.
  package func restoreBacklog() { _ = Glibc.listen(descriptor, Self.backlog) }

  /// Another descriptor of the same socket, for whoever closes it in the end.
  package func duplicate() throws -> CInt {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw IOError(errnoCode: errno, reason: "fcntl") }
    return copy
  }
}
