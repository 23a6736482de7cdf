#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Ends the program with this status.
package func exitNow(_ status: Int32) -> Never { exit(status) }

/// Makes what was printed visible, also through a pipe.
package func flushOutput() { fflush(nil) }

package func processorCount() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
