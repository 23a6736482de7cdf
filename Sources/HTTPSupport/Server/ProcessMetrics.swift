internal import Glibc

/// The system's metrics of this process.
package struct ProcessMetrics: Hashable, Sendable {
  /// Resident memory, in bytes.
  package let residentBytes: Int
  /// CPU time of all threads, user and system, in seconds.
  package let processorSeconds: Double
  /// Open file descriptors, and how many there may be; nil if unknown.
  package let openFiles: Int?
  package let maximumFiles: Int?

  package init(residentBytes: Int, processorSeconds: Double, openFiles: Int? = nil, maximumFiles: Int? = nil) {
    self.residentBytes = residentBytes
    self.processorSeconds = processorSeconds
    self.openFiles = openFiles
    self.maximumFiles = maximumFiles
  }

  /// Returns the current metrics; nil if there is no `/proc`.
  package static func current() -> ProcessMetrics? {
    var time = timespec()
    guard let resident = residentPages(), clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return nil }
    return ProcessMetrics(
      residentBytes: resident * sysconf(Int32(_SC_PAGESIZE)),
      processorSeconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9, openFiles: openFileCount(),
      maximumFiles: fileLimit())
  }

  /// The entries of `/proc/self/fd`, without the descriptor that reads them.
  private static func openFileCount() -> Int? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // `.`, `..`, and the folder itself.
    return max(0, count - 3)
  }

  private static func fileLimit() -> Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    return Int(clamping: limit.rlim_cur)
  }

  /// The second number of `/proc/self/statm` (proc(5)).
  private static func residentPages() -> Int? {
    guard let file = fopen("/proc/self/statm", "r") else { return nil }
    defer { fclose(file) }
    var line = [UInt8](repeating: 0, count: 256)
    let count = fread(&line, 1, line.count, file)
    let numbers = String(decoding: line.prefix(count), as: UTF8.self).split(separator: " ")
    return numbers.count > 1 ? Int(numbers[1]) : nil
  }
}
