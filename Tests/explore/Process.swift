#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Ends the program with this status.
func exitNow(_ status: Int32) -> Never { exit(status) }

/// Flushes the output, also through a pipe.
func flushOutput() { fflush(nil) }

func processorCount() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
