import CanonicalJSON
import FileSystem
import FoundationEssentials
import LibCrypto
import Storage
import Synchronization

/// Consistent copies of a plane's stores, from which one backup is written. They are removed with this value.
final class BackupSnapshot: Sendable {
  let manifest: BackupManifest
  private let folder: String
  private let turn: BackupTurn?

  /// - Parameters:
  ///   - folder: where to put the copies; created, and emptied first.
  ///   - turn: held as long as the copies exist.
  ///   - now: milliseconds since 1970.
  /// - Throws: ``BackupError``; nothing is left in the folder.
  static func make(
    of settings: PlaneConfiguration, in folder: String, turn: BackupTurn?, now: Int64
  ) throws(BackupError) -> BackupSnapshot {
    do {
      try? FileManager.default.removeItem(atPath: folder)
      try PrivateFolder(folder, option: "--data DIR").make()
      var stores: [BackupManifest.Store] = []
      for name in BackupManifest.storeNames {
        let original = settings.dataDirectory + "/" + name
        // A plane can be run without telemetry.
        guard name == BackupManifest.storeNames.first || FileManager.default.fileExists(atPath: original) else {
          continue
        }
        let copy = folder + "/" + name
        try DatabaseCopy.make(of: StoragePlace(path: original, option: "--data DIR"), at: copy)
        let migrations = try DatabaseCopy.migrations(in: copy)
        let (size, digest) = try FileDigest.of(copy)
        stores.append(BackupManifest.Store(name: name, size: size, digest: digest, migrations: migrations))
      }
      return BackupSnapshot(
        BackupManifest(version: settings.version, created: now, stores: stores, models: models(settings)), folder, turn)
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      let failure = error as? StorageError
      throw BackupError(
        failure?.message ?? "the backup cannot be created: \(error)",
        next: failure?.next ?? "check the disk of \(folder), and retry")
    }
  }

  private init(_ manifest: BackupManifest, _ folder: String, _ turn: BackupTurn?) {
    self.manifest = manifest
    self.folder = folder
    self.turn = turn
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// The registered versions. A damaged one is listed without what cannot be read.
  private static func models(_ settings: PlaneConfiguration) -> [BackupManifest.Model] {
    let directory = ModelDirectory(path: settings.modelsPath, now: { 0 })
    return directory.models().flatMap { name in
      directory.numbers(name).map { number in
        let version = try? directory.version(name, number)
        let record = "\(directory.versionsPath(name))/\(number)/version.json"
        return BackupManifest.Model(
          name: name, version: number, size: version?.size, digest: (try? FileDigest.of(record).digest) ?? "",
          source: version?.source ?? "")
      }
    }
  }

  // MARK: The archive

  /// The archive: the manifest, and the stores in its order.
  ///
  /// - Throws: `SystemError` if a copy cannot be opened.
  func pieces() throws(SystemError) -> BackupPieces {
    var parts: [BackupPieces.Part] = []
    for (entry, content) in try contents() {
      parts += [.bytes(entry.header), content]
      if entry.padding > 0 { parts.append(.bytes([UInt8](repeating: 0, count: entry.padding))) }
    }
    return BackupPieces(parts + [.bytes(TarEntry.end)])
  }

  /// The length of the archive in bytes.
  var length: Int64 {
    let sizes = [Int64(manifestBytes.count)] + manifest.stores.map(\.size)
    return sizes.reduce(Int64(TarEntry.end.count)) { total, size in
      let entry = TarEntry(name: "", size: size, modified: 0)
      return total + Int64(TarEntry.blockSize) + size + Int64(entry.padding)
    }
  }

  private func contents() throws(SystemError) -> [(TarEntry, BackupPieces.Part)] {
    let modified = manifest.created / 1000
    let bytes = manifestBytes
    var contents: [(TarEntry, BackupPieces.Part)] = [
      (TarEntry(name: BackupManifest.fileName, size: Int64(bytes.count), modified: modified), .bytes(bytes))
    ]
    for store in manifest.stores {
      contents.append(
        (
          TarEntry(name: store.name, size: store.size, modified: modified),
          .file(try FileReader("\(folder)/\(store.name)"))
        ))
    }
    return contents
  }

  private var manifestBytes: [UInt8] { manifest.json.bytes(.pretty) + [0x0A] }
}

/// An archive, piece by piece.
final class BackupPieces: Sendable {
  enum Part: Sendable {
    case bytes([UInt8])
    case file(FileReader)
  }

  static let pieceSize = 1 << 20
  private let parts: Mutex<[Part]>

  init(_ parts: [Part]) { self.parts = Mutex(parts.reversed()) }

  /// The next piece; nil after the last. Blocks.
  func next() throws(SystemError) -> [UInt8]? {
    try parts.withLock { parts throws(SystemError) -> [UInt8]? in
      while let part = parts.last {
        switch part {
        case .bytes(let bytes):
          parts.removeLast()
          return bytes
        case .file(let reader):
          let piece = try reader.next(upTo: Self.pieceSize)
          if !piece.isEmpty { return piece }
          parts.removeLast()
        }
      }
      return nil
    }
  }
}

/// Lets one backup at a time use the folder for copies.
final class BackupSlot: Sendable {
  private let isTaken = Mutex(false)

  /// Nil while another backup is being made.
  func take() -> BackupTurn? {
    let wasTaken = isTaken.withLock { isTaken in
      defer { isTaken = true }
      return isTaken
    }
    return wasTaken ? nil : BackupTurn(self)
  }

  fileprivate func leave() { isTaken.withLock { $0 = false } }
}

/// The right to make a backup, until it is gone.
final class BackupTurn: Sendable {
  private let slot: BackupSlot

  fileprivate init(_ slot: BackupSlot) { self.slot = slot }

  deinit { slot.leave() }
}

/// The digest of a large file.
enum FileDigest {
  /// The size in bytes, and the SHA-256 in hexadecimal digits. Blocks.
  static func of(_ path: String) throws(SystemError) -> (size: Int64, digest: String) {
    let reader = try FileReader(path)
    var hasher = SHA256Hasher()
    var size: Int64 = 0
    var piece = try reader.next(upTo: BackupPieces.pieceSize)
    while !piece.isEmpty {
      hasher.update(piece)
      size += Int64(piece.count)
      piece = try reader.next(upTo: BackupPieces.pieceSize)
    }
    return (size, hasher.finalize().hexString)
  }
}
