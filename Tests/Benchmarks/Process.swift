#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What the system reports about this process.
enum Process {
  /// Processor time of the calling thread. Unlike the wall clock, it is also the same on a machine that others use.
  static var threadSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Processor time of all threads together.
  static var processSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The processor time that `body` takes.
  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = threadSeconds
    try body()
    return threadSeconds - start
  }

  /// The time of day.
  static var millisecondsSince1970: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// The peak resident memory since the program was started; nil without `/proc`. `getrusage` would also count what the
  /// parent process held before the program replaced it.
  static var peakMegabytes: Double? { megabytes("VmHWM:") }

  /// The current resident memory; nil without `/proc`.
  static var residentMegabytes: Double? { megabytes("VmRSS:") }

  private static func megabytes(_ field: String) -> Double? {
    guard let file = fopen("/proc/self/status", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard text.hasPrefix(field) else { continue }
      return text.split { !$0.isNumber }.first.flatMap { Double($0) }.map { $0 * 1024 / 1e6 }
    }
    return nil
  }

  /// Ends the program with this status.
  static func exit(_ status: Int32) -> Never {
    #if canImport(Glibc)
      Glibc.exit(status)
    #elseif canImport(Musl)
      Musl.exit(status)
    #else
      Darwin.exit(status)
    #endif
  }
}
