package import FileSystem
import FoundationEssentials
import GRDB
import Glibc
import Storage

/// Backups without a running plane: making one of a data directory, and restoring one to a new directory.
package enum PlaneBackup {
  /// The versions of models that a restored plane lacks.
  package struct Outcome: Hashable, Sendable {
    /// Versions without files.
    package let missing: [BackupManifest.Model]
    /// Versions that were registered differently.
    package let different: [BackupManifest.Model]
  }

  /// Writes a backup of a directory that no plane uses, and keeps one from starting meanwhile. Blocks.
  ///
  /// - Parameters:
  ///   - folder: where to put the copies of the stores; it is removed at the end.
  ///   - now: milliseconds since 1970.
  package static func write(
    _ settings: PlaneConfiguration, to draft: FileDraft, copiesIn folder: String, now: Int64
  ) throws(BackupError) {
    guard access(settings.storePath, F_OK) == 0 else {
      throw BackupError(
        "\(settings.dataDirectory) is not a plane's data directory: it has no setpoint.sqlite",
        next: "use the directory of \"setpoint serve --data DIR\"")
    }
    let lock = try lock(settings) { owner in
      BackupError(
        "a plane (pid \(owner)) uses \(settings.dataDirectory)",
        next: "omit --data, so that the plane creates the backup")
    }
    defer { lock.release() }
    let snapshot = try BackupSnapshot.make(of: settings, in: folder, turn: nil, now: now)
    do throws(SystemError) {
      let pieces = try snapshot.pieces()
      while let piece = try pieces.next() { try draft.append(piece) }
    } catch {
      throw BackupError("the backup cannot be written: \(error)", next: "free some disk space, or use another path")
    }
    withExtendedLifetime(snapshot) {}
  }

  /// Restores a backup to a directory that is empty but for `models`. Blocks.
  ///
  /// - Throws: ``BackupError``; the directory then has nothing of the backup.
  package static func restore(
    _ archive: BackupArchive, to settings: PlaneConfiguration
  ) throws(BackupError) -> Outcome {
    try checkVersion(archive, settings)
    let directory = settings.dataDirectory
    let present = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    let others = present.filter { $0 != "models" }.sorted()
    guard others.isEmpty else {
      let names = others.prefix(5).joined(separator: ", ") + (others.count > 5 ? ", …" : "")
      throw BackupError(
        "\(directory) is not empty: it has \(names)", next: "restore to a new directory; only DIR/models may be there")
    }
    do throws(StorageError) {
      let folder = PrivateFolder(directory, option: "--data DIR")
      try folder.make()
      try folder.check(isInPod: PrivateFolder.isInPod(settings.environment))
    } catch {
      throw BackupError(error.message, next: error.next ?? "use another directory")
    }
    let lock = try lock(settings) { owner in
      BackupError("a plane (pid \(owner)) uses \(directory)", next: "restore to a new directory")
    }
    defer { lock.release() }
    do throws(BackupError) {
      try install(archive, settings)
    } catch {
      unlink(settings.lockPath)
      throw error
    }
    return outcome(archive.manifest, settings)
  }

  /// A store of an earlier version is migrated when a plane opens it. A later one's telemetry begins anew then.
  private static func checkVersion(_ archive: BackupArchive, _ settings: PlaneConfiguration) throws(BackupError) {
    let known = Set(EndpointStore.migrations)
    let later = archive.manifest.stores.first?.migrations.filter { !known.contains($0) } ?? []
    guard later.isEmpty else {
      throw BackupError(
        "\(archive.path) was created by Setpoint \(archive.manifest.version), which is newer than this one "
          + "(\(settings.version)): its store has \(later.joined(separator: ", "))",
        next: "restore it with that version or a later one")
    }
  }

  /// Moves the stores into the directory: the plane's own last, without which there is no plane.
  private static func install(_ archive: BackupArchive, _ settings: PlaneConfiguration) throws(BackupError) {
    let folder = settings.dataDirectory + "/restore.tmp"
    let names = archive.manifest.stores.map(\.name)
    var moved: [String] = []
    do {
      try PrivateFolder(folder, option: "--data DIR").make()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try archive.extract(to: folder)
      try EndpointStore.detach("\(folder)/\(names[0])")
      for name in names.reversed() {
        let path = settings.dataDirectory + "/" + name
        guard rename("\(folder)/\(name)", path) == 0 else { throw SystemError.last }
        moved.append(path)
      }
    } catch {
      for path in moved { unlink(path) }
      if let error = error as? BackupError { throw error }
      throw BackupError("the backup cannot be restored: \(error)", next: "check the disk of \(settings.dataDirectory)")
    }
  }

  private static func outcome(_ manifest: BackupManifest, _ settings: PlaneConfiguration) -> Outcome {
    let directory = ModelDirectory(path: settings.modelsPath, now: { 0 })
    func record(_ model: BackupManifest.Model) -> String {
      "\(directory.versionsPath(model.name))/\(model.version)/version.json"
    }
    let missing = manifest.models.filter { access(record($0), F_OK) != 0 }
    let different = manifest.models.filter { model in
      !missing.contains(model) && (try? FileDigest.of(record(model)).digest) != model.digest
    }
    return Outcome(missing: missing, different: different)
  }

  /// - Parameter taken: the error if a plane has the lock; gets its process ID.
  private static func lock(
    _ settings: PlaneConfiguration, taken: (_ owner: String) -> BackupError
  ) throws(BackupError) -> FileLock {
    let lock: FileLock
    let isFree: Bool
    do throws(SystemError) {
      lock = try FileLock(opening: settings.lockPath)
      isFree = try lock.tryLock()
    } catch {
      throw BackupError(
        "\(settings.lockPath) cannot be opened: \(error)", next: "check the permissions of the data directory")
    }
    guard isFree else { throw taken(lock.holder ?? "unknown") }
    return lock
  }
}

extension EndpointStore {
  /// Makes a restored store independent of the plane that it is a copy of: without that plane's replicas, which may still
  /// run, and with an identity of its own, so that neither plane touches the other's processes.
  fileprivate static func detach(_ path: String) throws {
    let database = try DatabaseQueue(path: path, configuration: DatabaseFile.configuration)
    try database.write { database in
      try database.execute(sql: "DELETE FROM replica; DELETE FROM meta WHERE key = 'plane_id'")
    }
    try database.close()
  }
}
