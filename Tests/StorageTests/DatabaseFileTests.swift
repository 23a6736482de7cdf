import FoundationEssentials
import GRDB
import Glibc
import Storage
import Testing

@Suite struct DatabaseFileTests {
  private func file(_ folder: String, versions: Int = 1) -> DatabaseFile {
    var migrator = DatabaseMigrator()
    for number in 1...versions {
      migrator.registerMigration("\(number): things") { database in
        try database.execute(sql: "CREATE TABLE thing\(number) (id INTEGER PRIMARY KEY, word TEXT NOT NULL)")
      }
    }
    return DatabaseFile(
      StoragePlace(path: folder + "/a.sqlite", option: "--data DIR", loss: "things are lost then"), migrator)
  }

  private func refusal(_ file: DatabaseFile) -> StorageError? {
    do throws(StorageError) {
      _ = try file.open()
      return nil
    } catch {
      return error
    }
  }

  @Test func `a database is created complete, for its user alone, and opens again with its content`() throws {
    try withFolder { folder in
      // The remains of a process that was killed while it created one.
      try Data("half".utf8).write(to: URL(filePath: folder + "/a.sqlite.new"))
      try file(folder).open().write { try $0.execute(sql: "INSERT INTO thing1 (word) VALUES ('hello')") }
      let again = try file(folder).open()
      #expect(try again.read { try String.fetchOne($0, sql: "SELECT word FROM thing1") } == "hello")
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        #expect(name.hasPrefix("a.sqlite") && !name.contains(".new"), "\(name)")
        #expect(mode(folder + "/" + name) == 0o600, "\(name)")
      }
    }
  }

  @Test func `files that others could read are made private`() throws {
    try withFolder { folder in
      let first = try file(folder).open()
      try first.write { try $0.execute(sql: "INSERT INTO thing1 (word) VALUES ('hello')") }
      let names = ["a.sqlite", "a.sqlite-wal", "a.sqlite-shm"]
      for name in names { #expect(chmod(folder + "/" + name, 0o666) == 0, "\(name)") }
      let second = try file(folder).open()
      for name in names { #expect(mode(folder + "/" + name) == 0o600, "\(name)") }
      #expect(try second.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM thing1") } == 1)
    }
  }

  @Test func `a file of 0 bytes is damaged and not a new one`() throws {
    try withFolder { folder in
      _ = try file(folder).open()
      for suffix in ["", "-wal", "-shm"] { unlink(folder + "/a.sqlite" + suffix) }
      try Data().write(to: URL(filePath: folder + "/a.sqlite"))
      let error = try #require(refusal(file(folder)))
      #expect(error.kind == .damaged)
      #expect(error.message.contains(folder + "/a.sqlite") && error.message.contains("0 bytes"), "\(error)")
      #expect(error.next?.contains("move it away") == true && error.next?.contains("things are lost") == true)
      #expect(try Data(contentsOf: URL(filePath: folder + "/a.sqlite")).isEmpty)
      unlink(folder + "/a.sqlite")
      #expect(refusal(file(folder)) == nil)
    }
  }

  @Test func `another program's database, a folder and text are refused and not changed`() throws {
    try withFolder { folder in
      let path = folder + "/a.sqlite"
      try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE somebodys (id INTEGER)") }
      let contents = try Data(contentsOf: URL(filePath: path))
      #expect(refusal(file(folder))?.message.contains("without Setpoint's tables") == true)
      #expect(try DatabaseQueue(path: path).read { try $0.tableExists("thing1") } == false)
      try Data("words ".utf8 + Array(repeating: 7, count: 4096)).write(to: URL(filePath: path))
      #expect(refusal(file(folder))?.kind == .damaged)
      unlink(path)
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      #expect(refusal(file(folder))?.message.contains("not a regular file") == true)
      #expect(!contents.isEmpty)
    }
  }

  @Test func `a database is copied before it is migrated, and the newest two copies are kept`() throws {
    try withFolder { folder in
      func copies() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains(".before-") }.sorted()
      }
      try file(folder).open().write { try $0.execute(sql: "INSERT INTO thing1 (word) VALUES ('hello')") }
      #expect(try copies() == [])
      // As during a takeover: another connection has the file open.
      let other = try file(folder).open()
      try file(folder, versions: 2).open().close()
      #expect(try copies() == ["a.sqlite.before-2"])
      #expect(mode(folder + "/a.sqlite.before-2") == 0o600)
      let old = try DatabaseQueue(path: folder + "/a.sqlite.before-2")
      #expect(try old.read { try String.fetchOne($0, sql: "SELECT word FROM thing1") } == "hello")
      #expect(try old.read { try $0.tableExists("thing2") } == false)
      try old.close()
      try other.close()
      try file(folder, versions: 3).open().close()
      // Nothing is migrated, so nothing is copied.
      try file(folder, versions: 3).open().close()
      #expect(try copies() == ["a.sqlite.before-2", "a.sqlite.before-3"])
      try file(folder, versions: 4).open().close()
      #expect(try copies() == ["a.sqlite.before-3", "a.sqlite.before-4"])
      // The previous version of the program can use its copy.
      for suffix in ["", "-wal", "-shm"] { unlink(folder + "/a.sqlite" + suffix) }
      #expect(refusal(file(folder, versions: 3)) == nil)
      for suffix in ["", "-wal", "-shm"] { unlink(folder + "/a.sqlite" + suffix) }
      #expect(rename(folder + "/a.sqlite.before-4", folder + "/a.sqlite") == 0)
      let again = try file(folder, versions: 3).open()
      #expect(try again.read { try String.fetchOne($0, sql: "SELECT word FROM thing1") } == "hello")
    }
  }

  @Test func `a database of a previous version is migrated, and one of a later version is refused by name`() throws {
    try withFolder { folder in
      try file(folder).open().write { try $0.execute(sql: "INSERT INTO thing1 (word) VALUES ('hello')") }
      let newer = try file(folder, versions: 2).open()
      #expect(try newer.read { try $0.tableExists("thing2") })
      #expect(try newer.read { try String.fetchOne($0, sql: "SELECT word FROM thing1") } == "hello")
      try newer.close()
      let error = try #require(refusal(file(folder)))
      #expect(error.kind == .newer)
      #expect(error.message.contains(folder + "/a.sqlite") && error.message.contains("2: things"), "\(error)")
      #expect(refusal(file(folder, versions: 2)) == nil)
    }
  }
}
