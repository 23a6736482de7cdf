internal import FileSystem
internal import FoundationEssentials

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// How many rows a process has accepted, by table, in a small mapped file beside the database. The kernel keeps it when
/// the process is killed, so that the next one can tell how many rows were lost.
///
/// Each process has a file of its own, locked as long as it runs.
final class CountersFile: Sendable {
  private static let size = 4096

  private let lock: FileLock
  /// Identifies the process in the database.
  let process: String
  /// Only changed by the buffer, one thread at a time.
  nonisolated(unsafe) private let counts: UnsafeMutablePointer<Int64>

  /// - Parameters:
  ///   - database: the path of the database.
  ///   - process: a name that no other process has had.
  init(beside database: String, process: String) throws(SystemError) {
    self.process = process
    let path = Self.prefix(of: database) + process
    lock = try FileLock(opening: path)
    // Another starting process may have taken it for the file of a dead one.
    guard try lock.tryLock(), lock.isInPlace else { throw SystemError(code: EAGAIN) }
    // Written rather than extended: a page that the disk has no room for would end the process when it is changed.
    try lock.replaceContents(with: [UInt8](repeating: 0, count: Self.size))
    guard let memory = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, lock.descriptor, 0),
      memory != MAP_FAILED
    else { throw .last }
    counts = memory.bindMemory(to: Int64.self, capacity: Self.size / MemoryLayout<Int64>.size)
  }

  deinit { munmap(counts, Self.size) }

  /// Adds to the accepted rows. Not from two threads at a time.
  func count(_ rows: Int, of table: TelemetryTable) { counts[Self.slot(table)] += Int64(rows) }

  /// The files of processes that have ended. They stay locked until they are released or removed.
  static func ofDeadProcesses(beside database: String) -> [DeadCounters] {
    let prefix = prefix(of: database)
    let slash = prefix.lastIndex(of: "/")
    let folder = slash.map { String(prefix[...$0]) } ?? "."
    let name = slash.map { String(prefix[prefix.index(after: $0)...]) } ?? prefix
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix(name) }.sorted().compactMap { file in
      let process = String(file.dropFirst(name.count))
      guard let lock = try? FileLock(existing: prefix + process), (try? lock.tryLock()) == true, lock.isInPlace,
        let bytes = try? lock.contents()
      else { return nil }
      return DeadCounters(process: process, accepted: accepted(in: bytes), lock: lock)
    }
  }

  private static func prefix(of database: String) -> String {
    let suffix = ".sqlite"
    return (database.hasSuffix(suffix) ? String(database.dropLast(suffix.count)) : database) + ".counters."
  }

  private static func accepted(in bytes: [UInt8]) -> [TelemetryTable: Int] {
    var accepted: [TelemetryTable: Int] = [:]
    for table in TelemetryTable.allCases {
      let start = slot(table) * 8
      guard start + 8 <= bytes.count else { continue }
      let number = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: Int64.self) }
      accepted[table] = max(0, Int(number))
    }
    return accepted
  }

  /// Part of the file's form: never changed.
  private static func slot(_ table: TelemetryTable) -> Int {
    switch table {
    case .requests: 0
    case .logs: 1
    case .metrics: 2
    case .spans: 3
    case .payloads: 4
    }
  }
}

/// What a process that has ended had accepted.
struct DeadCounters: Sendable {
  let process: String
  let accepted: [TelemetryTable: Int]
  fileprivate let lock: FileLock

  /// Removes the file, when its rows are accounted for.
  func remove() { unlink(lock.path) }
}
