internal import FoundationEssentials

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Ends the program with this status.
func exitNow(_ status: Int32) -> Never { exit(status) }

/// Lets what was printed be seen, also through a pipe.
func flushOutput() { fflush(nil) }

/// How much memory this process has (`VmRSS` of proc_pid_status(5)); 0 where that cannot be read.
func residentKilobytes() -> Int {
  guard let bytes = FileManager.default.contents(atPath: "/proc/self/status") else { return 0 }
  let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
  return line?.split(separator: " ").dropLast().last.flatMap { Int($0) } ?? 0
}
