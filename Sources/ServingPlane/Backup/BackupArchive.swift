import CanonicalJSON
import FileSystem
import LibCrypto

/// A backup's file, whose contents have been checked.
package struct BackupArchive: Sendable {
  package let path: String
  package let manifest: BackupManifest

  private static let largestManifest: Int64 = 64 << 20

  /// Reads all of the file and compares its digests. Blocks.
  ///
  /// - Throws: ``BackupError`` if it is not a complete backup, or was made by a later version.
  package init(verifying path: String) throws(BackupError) {
    self.path = path
    manifest = try Self.read(path) { _, _ in }
  }

  /// Writes the stores to new files in a folder. Blocks.
  func extract(to folder: String) throws(BackupError) {
    var draft: (name: String, file: FileDraft)?
    func written(_ body: () throws(SystemError) -> Void) throws(BackupError) {
      do throws(SystemError) { try body() } catch {
        throw BackupError(
          "cannot write to \(folder): \(error)", next: "free some space there, or use another directory")
      }
    }
    _ = try Self.read(path) { (name: String, piece: [UInt8]) throws(BackupError) in
      if draft?.name != name {
        if let finished = draft { try written { () throws(SystemError) in try finished.file.commit() } }
        draft = nil
        try written { () throws(SystemError) in draft = (name, try FileDraft(for: folder + "/" + name)) }
      }
      guard let current = draft else { return }
      try written { () throws(SystemError) in try current.file.append(piece) }
    }
    if let last = draft { try written { () throws(SystemError) in try last.file.commit() } }
  }

  /// - Parameter take: gets the stores' names and the pieces of their bytes, in order. Nothing is certain about them
  ///   before this function returns.
  private static func read(
    _ path: String, take: (_ name: String, _ piece: [UInt8]) throws(BackupError) -> Void
  ) throws(BackupError) -> BackupManifest {
    let file = try ArchiveReader(path)
    guard let first = try file.entry(), first.name == BackupManifest.fileName, first.size <= largestManifest else {
      throw ArchiveReader.damaged(path, "it does not begin with a manifest")
    }
    var text: [UInt8] = []
    var rest = first.size
    while rest > 0 { text += try file.piece(of: &rest) }
    try file.skipPadding(of: first)
    let manifest = try manifest(text, path)
    for store in manifest.stores {
      guard let entry = try file.entry(), entry.name == store.name, entry.size == store.size else {
        throw ArchiveReader.damaged(path, "\(store.name) is missing or incomplete")
      }
      var hasher = SHA256Hasher()
      var rest = entry.size
      while rest > 0 {
        let piece = try file.piece(of: &rest)
        hasher.update(piece)
        try take(store.name, piece)
      }
      try file.skipPadding(of: entry)
      guard hasher.finalize().hexString == store.digest else {
        throw ArchiveReader.damaged(path, "the bytes of \(store.name) do not have the digest that was recorded")
      }
    }
    guard try file.entry() == nil else {
      throw ArchiveReader.damaged(path, "it has files that its manifest does not name")
    }
    return manifest
  }

  private static func manifest(_ text: [UInt8], _ path: String) throws(BackupError) -> BackupManifest {
    guard let json = try? JSONValue(parsing: text), json["kind"] == "SetpointBackup",
      let format = json["format"]?.intValue
    else { throw ArchiveReader.damaged(path, "its manifest is not one of a Setpoint backup") }
    guard format <= BackupManifest.format else {
      throw BackupError(
        "\(path) was created by Setpoint \(json["version"]?.stringValue ?? "of a later version"), in a form that this "
          + "version does not know",
        next: "restore it with that version or a later one")
    }
    guard let manifest = BackupManifest(json), manifest.stores.first?.name == BackupManifest.storeNames.first,
      Set(manifest.stores.map(\.name)).count == manifest.stores.count,
      manifest.stores.allSatisfy({ BackupManifest.storeNames.contains($0.name) })
    else { throw ArchiveReader.damaged(path, "its manifest is incomplete") }
    return manifest
  }
}

/// Reads a tar archive from its beginning to its end.
private final class ArchiveReader {
  private let path: String
  private let file: FileReader

  init(_ path: String) throws(BackupError) {
    self.path = path
    do throws(SystemError) { file = try FileReader(path) } catch {
      throw BackupError("the backup \(path) cannot be read: \(error)", next: "check the path and its permissions")
    }
  }

  static func damaged(_ path: String, _ why: String) -> BackupError {
    BackupError("\(path) is not a complete backup: \(why)", next: "use another backup; nothing was restored")
  }

  /// The next file's header; nil at the end of the archive.
  func entry() throws(BackupError) -> TarEntry? {
    let block = try bytes(TarEntry.blockSize)
    if block.allSatisfy({ $0 == 0 }) { return nil }
    guard let entry = TarEntry(header: block) else { throw Self.damaged(path, "it is damaged") }
    return entry
  }

  /// The next bytes of a file of which `rest` bytes are unread.
  func piece(of rest: inout Int64) throws(BackupError) -> [UInt8] {
    let piece = try bytes(Int(min(rest, Int64(BackupPieces.pieceSize))))
    rest -= Int64(piece.count)
    return piece
  }

  /// Skips what follows the contents of a file.
  func skipPadding(of entry: TarEntry) throws(BackupError) {
    if entry.padding > 0 { _ = try bytes(entry.padding) }
  }

  private func bytes(_ count: Int) throws(BackupError) -> [UInt8] {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try file.next(upTo: count) } catch {
      throw BackupError("the backup \(path) cannot be read: \(error)", next: "check its disk, and retry")
    }
    guard bytes.count == count else { throw Self.damaged(path, "it ends too early") }
    return bytes
  }
}
