import CanonicalJSON
import FileSystem
import FoundationEssentials
import Glibc
import Storage

/// The versions of one MLflow server on this machine's disk: `NAME/N.json` with what is known of a version, next to
/// `NAME/N-KEY/` with its files and `NAME/N-KEY.partial/` with those that are incomplete. The methods block.
struct ArtifactCache: Sendable {
  let path: String

  // MARK: What is known of versions

  /// Returns nil if the version has not been looked up.
  func version(_ reference: ModelVersionID) throws(ModelError) -> CachedVersion? {
    let file = recordPath(reference)
    guard access(file, F_OK) == 0 else { return nil }
    do {
      let json = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(filePath: file))))
      guard let version = CachedVersion(json) else {
        throw ModelError(code: .damaged, description: "\(file) is incomplete")
      }
      return version
    } catch let error as ModelError {
      throw error
    } catch {
      throw ModelError(code: .damaged, description: "\(file) cannot be read: \(error)")
    }
  }

  func record(_ version: CachedVersion) throws(ModelError) {
    let reference = ModelVersionID(model: version.origin.model, number: version.origin.number)
    try makeFolder(path + "/" + reference.model)
    try write(version.json.bytes(), to: recordPath(reference))
  }

  private func recordPath(_ reference: ModelVersionID) -> String {
    "\(path)/\(reference.model)/\(reference.number).json"
  }

  // MARK: Files

  func folder(of origin: CachedVersion.Origin) -> String { "\(path)/\(origin.model)/\(origin.key)" }

  /// Returns the files of a version that are not here, or do not have the listed size.
  func missing(of version: CachedVersion) -> [ArtifactTree.File] {
    let folder = folder(of: version.origin)
    return version.tree.files.filter { size(of: folder + "/" + $0.path) != $0.size }
  }

  /// Creates the folders of a version's files, and removes partial files of an earlier listing.
  ///
  /// - Parameter isChanged: whether the list of files is another one than before.
  func prepare(_ version: CachedVersion, isChanged: Bool) throws(ModelError) {
    let folder = folder(of: version.origin)
    if isChanged { try? FileManager.default.removeItem(atPath: folder + ".partial") }
    try makeFolder(folder + ".partial")
    try makeFolder(folder)
    for inner in version.tree.folders { try makeFolder(folder + "/" + inner) }
  }

  /// Checks that the disk has space for a number of bytes.
  func checkRoom(for needed: Int64) throws(ModelError) {
    guard let free = FolderCopy().freeBytes(path), free < needed else { return }
    throw ModelError(
      code: .storage,
      description: "not enough space on the disk of \(path): \(needed.megabytes) must be downloaded, and only "
        + "\(free.megabytes) are free; free some space")
  }

  /// The place of a file until it is complete. It has a number for a name, so that no file can have the same.
  func partialPath(of file: ArtifactTree.File, in version: CachedVersion) -> String {
    let index = version.tree.files.firstIndex(of: file) ?? version.tree.files.count
    return folder(of: version.origin) + ".partial/\(index)"
  }

  /// The size of a regular file, in bytes; nil if there is none.
  func size(of file: String) -> Int64? {
    var status = stat()
    guard lstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int64(status.st_size)
  }

  func remove(_ file: String) { unlink(file) }

  /// Appends bytes to a file, down to the disk.
  func append(_ bytes: [UInt8], to file: String) throws(ModelError) {
    let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("\(file) cannot be created", .last) }
    defer { close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("\(file) cannot be written", .last) }
      rest = rest.dropFirst(count)
    }
    guard fdatasync(descriptor) == 0 else { throw failure("\(file) cannot be written", .last) }
  }

  /// Gives a complete file its name.
  func finish(_ file: ArtifactTree.File, in version: CachedVersion) throws(ModelError) {
    let partial = partialPath(of: file, in: version)
    // Nothing has been written of an empty file.
    if file.size == 0 { try append([], to: partial) }
    let present = size(of: partial) ?? 0
    guard present == file.size else {
      // A plane that was replaced in the meantime may have written its last bytes to it.
      remove(partial)
      throw ModelError(
        code: .storage, description: "\(partial) has \(present) bytes instead of \(file.size); it was removed")
    }
    let target = folder(of: version.origin) + "/" + file.path
    guard rename(partial, target) == 0 else { throw failure("\(target) cannot be created", .last) }
  }

  /// Writes a small file, whose folder is created.
  func write(_ bytes: [UInt8], to file: String) throws(ModelError) {
    do throws(SystemError) { try AtomicFile.replace(file, with: bytes) } catch {
      throw failure("\(file) cannot be written", error)
    }
  }

  func makeFolder(_ folder: String) throws(ModelError) {
    do throws(StorageError) { try PrivateFolder(folder, option: "--data DIR").make() } catch {
      throw ModelError(code: .storage, description: error.message)
    }
  }

  func failure(_ what: String, _ error: SystemError) -> ModelError {
    let isFull = error.code == ENOSPC || error.code == EDQUOT
    return ModelError(
      code: .storage,
      description: "\(what): \(error)" + (isFull ? "; free some space, and the download continues" : ""))
  }
}

extension Int64 {
  fileprivate var megabytes: String { "\((self + 999_999) / 1_000_000) MB" }
}
