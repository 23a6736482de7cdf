internal import CDispatch  // the compiler finds stat(2) here
internal import FileSystem
internal import Glibc

/// A file's bytes, and the identity of the file at that time.
struct FileContents {
  let bytes: [UInt8]
  let identity: FileIdentity

  /// A larger file is refused: a manifest is text that a person wrote.
  static let largestFile = 32 << 20

  /// Reads a file that may be written to concurrently: if it changed meanwhile, it is read again, a few times at most.
  ///
  /// - Parameter mayWait: whether to wait for the writers of a pipe.
  static func read(file path: String, mayWait: Bool = false) throws(UnreadableFile) -> FileContents {
    for _ in 0..<5 {
      let contents = try readOnce(path, mayWait ? 0 : O_NONBLOCK)
      if let contents { return contents }
    }
    throw UnreadableFile(message: "it keeps changing while being read; it will be read again")
  }

  private static func readOnce(_ path: String, _ flags: Int32) throws(UnreadableFile) -> FileContents? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | flags)
    guard descriptor >= 0 else { throw UnreadableFile(errno) }
    defer { close(descriptor) }
    let before = try status(of: descriptor)
    let bytes = try read(descriptor: descriptor)
    let after = try status(of: descriptor)
    let identity = FileIdentity(after)
    // Reading a pipe changes its times, and it can be read only once.
    let isRegular = after.st_mode & S_IFMT == S_IFREG
    return isRegular && FileIdentity(before) != identity ? nil : FileContents(bytes: bytes, identity: identity)
  }

  private static func status(of descriptor: Int32) throws(UnreadableFile) -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw UnreadableFile(errno) }
    return status
  }

  /// Reads up to the end of an open file.
  static func read(descriptor: Int32) throws(UnreadableFile) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw UnreadableFile(errno)
      }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= largestFile else {
        throw UnreadableFile.tooLarge
      }
    }
  }
}

/// Why a file could not be read.
struct UnreadableFile: Error {
  let message: String

  init(message: String) { self.message = message }

  static let tooLarge = UnreadableFile(
    message: "it is larger than \(FileContents.largestFile >> 20) MiB, the limit for a manifest")

  init(_ code: Int32) { message = "cannot read it: \(SystemError(code: code))" }
}
