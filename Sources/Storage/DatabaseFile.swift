internal import FileSystem
package import GRDB

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// A SQLite file of this program: created completely or not at all, only for its user, and refused if another program,
/// a later version or an accident has modified it.
package struct DatabaseFile: Sendable {
  private let place: StoragePlace
  private let migrator: DatabaseMigrator
  private let configuration: Configuration
  private let keepsOld: Bool

  /// - Parameter keepsOld: whether a copy is kept before a file is migrated. Not for a file whose loss costs less than
  ///   the space for a copy.
  package init(
    _ place: StoragePlace, _ migrator: DatabaseMigrator, configuration: Configuration = DatabaseFile.configuration,
    keepsOld: Bool = true
  ) {
    self.place = place
    self.migrator = migrator
    self.configuration = configuration
    self.keepsOld = keepsOld
  }

  /// The usual configuration of connections.
  package static var configuration: Configuration {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    // Another process writes for a few milliseconds at a time; after ten seconds, it must be hanging.
    configuration.busyMode = .timeout(10)
    return configuration
  }

  /// Opens the file, creates it if it does not exist, and migrates one that an earlier version wrote, after it has been
  /// copied to `FILE.before-N`, where N is the number of the first migration. Two processes must not call this
  /// concurrently.
  ///
  /// - Throws: ``StorageError``; the file is then unchanged.
  package func open() throws(StorageError) -> DatabaseQueue {
    do {
      try prepare()
      var configuration = self.configuration
      configuration.journalMode = .wal
      let database = try DatabaseQueue(path: place.path, configuration: configuration)
      try check(database)
      try keepOld(database)
      try migrator.migrate(database)
      return database
    } catch {
      throw StorageError(error, place)
    }
  }

  private func prepare() throws {
    var status = stat()
    guard stat(place.path, &status) == 0 else {
      guard errno == ENOENT else { throw StorageError(.cannotOpen, "cannot open \(place.path): \(SystemError.last)") }
      return try make()
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw place.damaged("it is not a regular file") }
    // It was complete when it got its name, so something else has emptied it.
    guard status.st_size > 0 else { throw place.damaged("it is empty (0 bytes)") }
    // Files of earlier versions may be open to others; SQLite gives new files beside it the mode of the file itself.
    for suffix in ["", "-wal", "-shm", "-journal"] { PrivateFolder.close(place.path + suffix, mode: 0o600) }
  }

  /// Creates the file beside its final path, with all its tables, and moves it there.
  private func make() throws {
    let draft = place.path + ".new"
    let leftovers = ["", "-wal", "-shm", "-journal"]
    for suffix in leftovers { unlink(draft + suffix) }
    // Files beside a deleted database belong to no other.
    for suffix in leftovers.dropFirst() { unlink(place.path + suffix) }
    do {
      let descriptor = openFile(draft)
      guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
        throw StorageError(
          .cannotOpen, "cannot open \(place.path): \(SystemError.last)",
          next: "check the owner of its directory, or use another directory with \(place.option)")
      }
      close(descriptor)
      let database = try DatabaseQueue(path: draft, configuration: configuration)
      try migrator.migrate(database)
      try database.close()
      guard rename(draft, place.path) == 0 else {
        throw StorageError(.cannotOpen, "cannot create \(place.path): \(SystemError.last)")
      }
    } catch {
      for suffix in leftovers { unlink(draft + suffix) }
      throw error
    }
  }

  private func openFile(_ path: String) -> Int32 {
    #if canImport(Darwin)
      Darwin.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    #else
      Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    #endif
  }

  /// The number of copies that are kept.
  private static let keptCopies = 2

  /// Copies a file that is about to be migrated: the previous version of this program refuses the migrated one.
  private func keepOld(_ database: DatabaseQueue) throws {
    guard keepsOld else { return }
    let applied = try database.read { try migrator.appliedIdentifiers($0) }
    guard let next = migrator.migrations.first(where: { !applied.contains($0) }) else { return }
    let number = Int(next.prefix { $0 != ":" }) ?? applied.count + 1
    func copy(_ number: Int) -> String { "\(place.path).before-\(number)" }
    let draft = place.path + ".copy"
    // Through this connection: a plane that is being replaced still has the file open.
    try DatabaseCopy.copy(database, to: draft)
    guard rename(draft, copy(number)) == 0 else {
      throw StorageError(.cannotOpen, "cannot create \(copy(number)): \(SystemError.last)")
    }
    let earlier = stride(from: number - 1, to: 0, by: -1).filter { access(copy($0), F_OK) == 0 }
    for old in earlier.dropFirst(Self.keptCopies - 1) { unlink(copy(old)) }
  }

  private func check(_ database: DatabaseQueue) throws {
    let applied = try database.read { try migrator.appliedIdentifiers($0) }
    let later = applied.subtracting(migrator.migrations).sorted()
    guard later.isEmpty else {
      throw StorageError(
        .newer,
        "\(place.path) was written by a newer version of Setpoint (it has \(later.joined(separator: ", "))); "
          + "nothing was changed",
        next: "use that version, or another directory with \(place.option)")
    }
    guard !applied.isEmpty else { throw place.damaged("it is a database without Setpoint's tables") }
  }
}
