#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Connections to Unix sockets, and the processes at their other end (unix(7)).
package enum UnixSocket {
  /// The longest path that fits in a socket address.
  package static let longestPath = 107

  /// Connects, which takes no time: the kernel accepts for the listener.
  ///
  /// - Returns: the descriptor, which the caller must close; nil if nobody listens there, or access is denied.
  package static func connect(to path: String) -> Int32? {
    let bytes = Array(path.utf8)
    guard bytes.count <= longestPath, !bytes.contains(0) else { return nil }
    // struct sockaddr_un is written byte by byte: in an optimized build, the compiler takes its fields for another
    // module's.
    let family = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) }
    let address = family + bytes + [UInt8](repeating: 0, count: longestPath + 1 - bytes.count)
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    let isConnected = address.withUnsafeBytes { bytes in
      bytes.baseAddress.map {
        systemConnect(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
      } ?? false
    }
    guard isConnected else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// Whether a process listens there.
  package static func isListening(_ path: String) -> Bool {
    guard let descriptor = connect(to: path) else { return false }
    close(descriptor)
    return true
  }

  /// Returns the process at the other end, as recorded by the kernel when the connection was made; nil if it does not
  /// say.
  package static func peer(of descriptor: Int32) -> (processID: Int32, userID: UInt32)? {
    // struct ucred: pid, uid, gid.
    var credentials: [UInt32] = [0, 0, 0]
    var length = socklen_t(12)
    let code = credentials.withUnsafeMutableBytes {
      getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, $0.baseAddress, &length)
    }
    return code == 0 && length == 12 ? (Int32(bitPattern: credentials[0]), credentials[1]) : nil
  }
}

private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
  connect(descriptor, address, length)
}
