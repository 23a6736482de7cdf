internal import FileSystem
internal import Glibc
internal import NIOCore

/// The reason a program cannot listen on an address, worded for its user.
package struct ListenFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package let message: String
  package let advice: String

  package var description: String { "\(message); \(advice)" }

  /// Nil if the error is of another kind.
  ///
  /// - Parameters:
  ///   - program: the program that wants to listen, such as `the plane`.
  ///   - portOption: the option for another port, such as `--port`.
  package init?(_ error: any Error, host: String, port: Int, program: String, portOption: String) {
    switch error {
    case let error as IOError:
      (message, advice) = Self.describe(error, host, port, program, portOption)
    case let error as SocketAddressError.UnknownHost:
      message = "\(host) is not an address or a known host name (\(error.errorDescription))"
      advice = "specify an address of this machine with --listen"
    default: return nil
    }
  }

  private static func describe(
    _ error: IOError, _ host: String, _ port: Int, _ program: String, _ portOption: String
  ) -> (message: String, advice: String) {
    let address = "\(host):\(port)"
    return switch error.errnoCode {
    case EADDRINUSE:
      (
        "port \(port) on \(host) is in use by another program",
        "stop that program, or start \(program) on another port with \(portOption)"
      )
    case EADDRNOTAVAIL: ("\(host) is not an address of this machine", "specify one of its addresses with --listen")
    case EACCES: ("this user is not allowed to listen on \(address)", "specify a port above 1023 with \(portOption)")
    default:
      (
        "\(program) cannot listen on \(address): \(SystemError(code: error.errnoCode))",
        "try another \(portOption)"
      )
    }
  }
}
