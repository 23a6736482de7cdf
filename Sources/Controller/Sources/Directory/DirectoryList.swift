internal import CDispatch  // the compiler finds readdir(3) here
internal import FileSystem
internal import Glibc

/// The names in a directory, with what its listing says about each.
enum DirectoryList {
  struct Child {
    let name: String
    /// Whether the name is UTF-8; if not, `name` is only for display.
    let isText: Bool
    /// Whether it is known to be a regular file; false if the file system does not say.
    let isRegularFile: Bool
  }

  /// Returns the entries in the order of names, without `.` and `..`.
  static func read(_ path: String) throws(UnlistedDirectory) -> [Child] {
    guard let directory = opendir(path) else { throw UnlistedDirectory(code: errno) }
    defer { closedir(directory) }
    var children: [Child] = []
    while true {
      errno = 0
      guard let entry = readdir(directory) else {
        guard errno == 0 else { throw UnlistedDirectory(code: errno) }
        return children.sorted { $0.name < $1.name }
      }
      let name = bytes(of: entry)
      if name == [0x2E] || name == [0x2E, 0x2E] { continue }
      let text = String(validating: name, as: UTF8.self)
      children.append(
        Child(
          name: text ?? String(decoding: name, as: UTF8.self), isText: text != nil,
          isRegularFile: Int32(entry.pointee.d_type) == Int32(DT_REG)))
    }
  }

  private static func bytes(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
    withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
  }
}

/// Why a directory could not be listed.
struct UnlistedDirectory: Error {
  let code: Int32

  var message: String { SystemError(code: code).description }
}
