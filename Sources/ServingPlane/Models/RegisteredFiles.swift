import FoundationEssentials
import Glibc

/// The larger files of registered versions that a new version can share: the plane's own, which have no name outside
/// the versions' folders, under which somebody could change them.
struct RegisteredFiles: Sendable {
  private struct File: Hashable, Sendable {
    let path: String
    let isExecutable: Bool
  }

  /// A file of one or more versions.
  private struct Found {
    let file: File
    let size: Int64
    /// The number of all its names.
    let links: UInt64
    /// The number of its names in the versions' folders.
    var names: UInt64 = 0
  }

  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// By size.
  private var files: [Int64: [File]] = [:]

  /// Smaller files are not worth a search.
  private static let smallest: Int64 = 1 << 20
  private static let piece = 1 << 20

  /// No files.
  init() {}

  /// - Parameter folders: the versions' folders.
  init(in folders: [String]) {
    var found: [Identity: Found] = [:]
    for folder in folders { Self.add(folder, to: &found) }
    for one in found.values where one.names == one.links { files[one.size, default: []].append(one.file) }
  }

  private static func add(_ path: String, to found: inout [Identity: Found]) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      guard Int64(status.st_size) >= smallest, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else { return }
      let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
      let file = File(path: path, isExecutable: status.st_mode & S_IXUSR != 0)
      var one =
        found[identity] ?? Found(file: file, size: Int64(status.st_size), links: UInt64(status.st_nlink))
      one.names += 1
      found[identity] = one
    case S_IFDIR:
      for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
        add(path + "/" + name, to: &found)
      }
    default: break
    }
  }

  /// Whether a file of this size may be registered already.
  func mayHave(_ size: Int64) -> Bool { files[size] != nil }

  /// The registered file with the same bytes as an open one; nil if there is none. Does not move the file's offset.
  func twin(of file: Int32, size: Int64, isExecutable: Bool, isCancelled: () -> Bool) -> String? {
    for candidate in files[size] ?? [] where candidate.isExecutable == isExecutable {
      let other = open(candidate.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
      guard other >= 0 else { continue }
      defer { close(other) }
      if Self.areEqual(file, other, size: size, isCancelled: isCancelled) { return candidate.path }
    }
    return nil
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
