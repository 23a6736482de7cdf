internal import Glibc

/// Reports to the service manager that the service is ready (sd_notify(3)): a datagram to the socket named in the
/// environment.
enum ServiceNotification {
  static let variable = "NOTIFY_SOCKET"

  /// Reports that the plane is serving and that this process is now the service's main process, which changes with a
  /// takeover.
  static func serving(_ environment: [String: String]) {
    send("READY=1\nMAINPID=\(getpid())\nSTATUS=serving\n", environment)
  }

  private static func send(_ message: String, _ environment: [String: String]) {
    guard let path = environment[variable], path.hasPrefix("/") || path.hasPrefix("@") else { return }
    var name = Array(path.utf8)
    // A name that begins with a NUL byte is not a file's (unix(7)).
    if name[0] == UInt8(ascii: "@") { name[0] = 0 }
    guard name.count < 108 else { return }
    let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // struct sockaddr_un is written byte by byte: in an optimized build, the compiler takes its fields for another
    // module's.
    let address = withUnsafeBytes(of: sa_family_t(AF_UNIX)) { Array($0) } + name
    let text = Array(message.utf8)
    address.withUnsafeBytes { address in
      guard let start = address.baseAddress else { return }
      // If nobody listens, there is nobody to notify.
      _ = sendto(
        descriptor, text, text.count, CInt(MSG_NOSIGNAL), start.assumingMemoryBound(to: sockaddr.self),
        socklen_t(address.count))
    }
  }
}
