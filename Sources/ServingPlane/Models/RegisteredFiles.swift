import FoundationEssentials
import Glibc

/// The larger files of registered versions. They do not change, so a new version can share them.
struct RegisteredFiles: Sendable {
  /// The paths by size.
  private var paths: [Int64: [String]] = [:]

  /// Smaller files are not worth a search.
  private static let smallest: Int64 = 1 << 20
  private static let piece = 1 << 20

  /// No files.
  init() {}

  /// - Parameter folders: the versions' folders.
  init(in folders: [String]) {
    for folder in folders { add(folder) }
  }

  private mutating func add(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      if Int64(status.st_size) >= Self.smallest { paths[Int64(status.st_size), default: []].append(path) }
    case S_IFDIR:
      for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] { add(path + "/" + name) }
    default: break
    }
  }

  /// Whether a file of this size may be registered already.
  func mayHave(_ size: Int64) -> Bool { paths[size] != nil }

  /// The registered file with the same bytes as an open one; nil if there is none. Does not move the file's offset.
  func twin(of file: Int32, size: Int64, isCancelled: () -> Bool) -> String? {
    paths[size]?.first { path in
      let other = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
      guard other >= 0 else { return false }
      defer { close(other) }
      return Self.areEqual(file, other, size: size, isCancelled: isCancelled)
    }
  }

  private static func areEqual(_ one: Int32, _ other: Int32, size: Int64, isCancelled: () -> Bool) -> Bool {
    var (first, second) = ([UInt8](repeating: 0, count: piece), [UInt8](repeating: 0, count: piece))
    var offset: Int64 = 0
    while offset < size {
      if isCancelled() { return false }
      let count = min(piece, Int(size - offset))
      guard read(one, &first, count, at: offset), read(other, &second, count, at: offset),
        first[..<count] == second[..<count]
      else { return false }
      offset += Int64(count)
    }
    return true
  }

  /// Reads so many bytes, or returns false.
  private static func read(_ file: Int32, _ buffer: inout [UInt8], _ count: Int, at offset: Int64) -> Bool {
    var done = 0
    while done < count {
      let got = buffer.withUnsafeMutableBytes { bytes in
        pread(file, bytes.baseAddress?.advanced(by: done), count - done, off_t(offset) + off_t(done))
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return false }
      done += got
    }
    return true
  }
}
