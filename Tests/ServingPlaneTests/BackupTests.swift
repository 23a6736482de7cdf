import FileSystem
import FoundationEssentials
import GRDB
import Glibc
import LibCurl
import Testing

@testable import ServingPlane

/// Backups of running and of stopped planes, and what they restore to.
@Suite(.timeLimit(.minutes(5))) struct BackupTests {
  private let data = TestData()

  private var restored: PlaneConfiguration {
    var settings = data.settings
    settings.dataDirectory = data.path + "/restored"
    return settings
  }

  private var file: String { data.path + "/plane.backup" }

  /// The rows of the tables that a backup keeps as they are.
  private func rows(_ path: String) throws -> [String] {
    try DatabaseQueue(path: path).read { database in
      try ["endpoint", "config", "tag", "token", "grdb_migrations"].flatMap { table in
        try Row.fetchAll(database, sql: "SELECT * FROM \(table) ORDER BY 1").map { "\(table): \($0)" }
      }
    }
  }

  private func fill() throws {
    try FileManager.default.createDirectory(
      atPath: data.settings.dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let store = try EndpointStore(path: data.settings.storePath)
    for (name, id) in [("chat", "a"), ("wiki", "b")] {
      try store.save(
        EndpointRecord(
          id: String(repeating: id, count: 32), name: name, creator: "tester", created: 1, updated: 2,
          description: "words", tags: ["team": name]))
    }
  }

  private func writeBackup(_ settings: PlaneConfiguration? = nil) throws {
    let draft = try FileDraft(for: file)
    try PlaneBackup.write(settings ?? data.settings, to: draft, copiesIn: file + ".stores", now: 1_767_225_600_000)
    try draft.commit()
  }

  private func restore() throws -> PlaneBackup.Outcome {
    try PlaneBackup.restore(try BackupArchive(verifying: file), to: restored)
  }

  private func refusal(_ body: () throws -> Void) throws -> BackupError {
    try #require(#expect(throws: BackupError.self) { try body() })
  }

  @Test func `a backup of a running plane restores to the same endpoints, and names the models that are missing`()
    async throws
  {
    let folder = try data.model(say: "hello")
    try fill()
    let (path, store) = (file, data.settings.storePath)
    try await withPlane(data) { plane in
      _ = try await plane.register("m", folder)
      let response = try await plane.http.execute(
        LibCurl.HTTPRequest(
          method: "POST", url: plane.url + "/api/setpoint/backup",
          headers: [HTTPField("Authorization", "Bearer " + plane.token)]))
      #expect(response.status == 200)
      try Data(try await response.body.collect()).write(to: URL(filePath: path))
      let denied = try await plane.call("POST", "/api/setpoint/backup", headers: [])
      #expect(denied.status == 401, "\(denied.text)")
    }
    #expect(!FileManager.default.fileExists(atPath: data.settings.backupPath))
    let secret = try String(contentsOfFile: data.settings.tokenPath, encoding: .utf8)
    let bytes = try Data(contentsOf: URL(filePath: path))
    #expect(!bytes.contains(Data(secret.utf8.dropLast())))
    let outcome = try restore()
    #expect(outcome.missing.map(\.name) == ["m"] && outcome.missing.map(\.version) == [1], "\(outcome)")
    #expect(outcome.missing.first?.source == folder)
    #expect(try rows(restored.storePath) == rows(store))
    #expect(try EndpointStore(path: restored.storePath).endpoints().map(\.name) == ["chat", "wiki"])
  }

  @Test func `the restored plane has an identity of its own and none of the replicas`() throws {
    try fill()
    try DatabaseQueue(path: data.settings.storePath).write { database in
      try database.execute(
        sql: "INSERT INTO replica (id, endpoint_id, created_at, port, document) VALUES ('r', 'e', 1, 2, '{}')")
    }
    try writeBackup()
    _ = try restore()
    let store = try EndpointStore(path: restored.storePath)
    let contents = try store.contents()
    #expect(contents.replicas.isEmpty && contents.damagedReplicas.isEmpty)
    #expect(try store.planeID != EndpointStore(path: data.settings.storePath).planeID)
    var status = stat()
    #expect(stat(restored.storePath, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func `models that are already there are not missing`() throws {
    try fill()
    let folder = try data.model(say: "hello")
    let directory = ModelDirectory(path: data.settings.modelsPath, now: { 1 })
    try FileManager.default.createDirectory(atPath: data.settings.modelsPath, withIntermediateDirectories: true)
    for _ in 1...2 { _ = try directory.register("m", from: folder, entrypoint: TestData.entrypoint) }
    try writeBackup()
    try FileManager.default.createDirectory(
      atPath: restored.dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try FileManager.default.copyItem(atPath: data.settings.modelsPath, toPath: restored.modelsPath)
    try Data("{}".utf8).write(to: URL(filePath: restored.modelsPath + "/m/versions/2/version.json"))
    let outcome = try restore()
    #expect(outcome.missing.isEmpty && outcome.different.map(\.version) == [2], "\(outcome)")
  }

  @Test func `a directory with anything in it is refused by name and not changed`() throws {
    try fill()
    try writeBackup()
    let before = try rows(data.settings.storePath)
    let archive = try BackupArchive(verifying: file)
    let settings = data.settings
    let error = try refusal { _ = try PlaneBackup.restore(archive, to: settings) }
    #expect(error.message.contains("is not empty: it has ") && error.message.contains("setpoint.sqlite"), "\(error)")
    #expect(try rows(data.settings.storePath) == before)
  }

  @Test func `a backup that is cut off or changed is refused, and nothing is restored`() throws {
    try fill()
    try writeBackup()
    let whole = try Data(contentsOf: URL(filePath: file))
    var changed = whole
    changed[whole.count - 3000] ^= 1
    for bytes in [whole.dropLast(2000), whole.prefix(700), whole.prefix(0), changed, Data("words".utf8)] {
      try bytes.write(to: URL(filePath: file))
      let error = try refusal { _ = try restore() }
      #expect(error.message.hasPrefix("\(file) is not a complete backup: "), "\(error)")
      #expect(!FileManager.default.fileExists(atPath: restored.dataDirectory))
    }
    try whole.write(to: URL(filePath: file))
    _ = try restore()
  }

  @Test func `a backup of a later version is refused by name`() throws {
    try fill()
    try DatabaseQueue(path: data.settings.storePath).write { database in
      try database.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99: a later one')")
    }
    var later = data.settings
    later.version = "9.8.7"
    try writeBackup(later)
    let error = try refusal { _ = try restore() }
    #expect(error.message.contains("Setpoint 9.8.7") && error.message.contains("99: a later one"), "\(error)")
    #expect(!FileManager.default.fileExists(atPath: restored.dataDirectory))
  }

  @Test func `a directory that a plane uses, and one that is not a plane's, are not read without the plane`() throws {
    let settings = data.settings
    let draft = try FileDraft(for: file)
    let path = file
    let none = try refusal { try PlaneBackup.write(settings, to: draft, copiesIn: path + ".stores", now: 1) }
    #expect(none.message.contains("has no setpoint.sqlite"), "\(none)")
    try fill()
    let lock = try FileLock(opening: settings.lockPath)
    #expect(try lock.tryLock())
    lock.sign("123")
    let used = try refusal { try PlaneBackup.write(settings, to: draft, copiesIn: path + ".stores", now: 1) }
    #expect(used.message.contains("a plane (pid 123) uses") && used.next.contains("omit --data"), "\(used)")
  }
}
