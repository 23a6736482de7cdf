#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A failed system call. Its description is the operating system's message, such as "Permission denied".
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The error number, such as `ENOENT`.
  package let code: Int32

  package init(code: Int32) { self.code = code }

  /// The error of the last failed call of this thread. Read it before any other call.
  package static var last: SystemError { SystemError(code: errno) }

  package var description: String { String(cString: strerror(code)) }
}
