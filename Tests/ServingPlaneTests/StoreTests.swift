import CanonicalJSON
import FoundationEssentials
import GRDB
import Glibc
import Testing

@testable import ServingPlane

/// The plane's store over the years: previous and later versions, damage, growth, and access.
@Suite(.timeLimit(.minutes(5))) struct StoreTests {
  private let data = TestData()

  private func makeDataFolder() throws {
    try FileManager.default.createDirectory(
      atPath: data.settings.dataDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  private func run(_ sql: String) throws {
    try DatabaseQueue(path: data.settings.storePath).write { try $0.execute(sql: sql) }
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  /// The reason why a plane on the data does not start.
  private func startError() async throws -> PlaneStartError {
    let error = await #expect(throws: PlaneStartError.self) {
      try await withPlane(data) { _ in }
    }
    return try #require(error)
  }

  private func config(_ version: Int64, started: Int64 = 1_767_225_600_000, model: Int = 1) -> PlaneConfig {
    PlaneConfig(
      version: version, startTime: started,
      entities: [
        PlaneEntity(
          name: "q-1", entityName: "q", entityVersion: model, task: "llm/v1/chat", workloadType: "CPU",
          workloadSize: "Small", minConcurrency: nil, maxConcurrency: nil, scaleToZero: false, environment: [:],
          traffic: 100, created: started)
      ])
  }

  private func endpoint(_ name: String, id: Character) -> EndpointRecord {
    EndpointRecord(
      id: String(repeating: id, count: 32), name: name, creator: "tester", created: 1, updated: 1_767_225_600_000,
      description: "", tags: [:])
  }

  // MARK: Versions

  @Test func `a store of the previous version opens with all its content`() throws {
    try makeDataFolder()
    let stores = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Support/stores").path
    try FileManager.default.copyItem(atPath: stores + "/plane-1.sqlite", toPath: data.settings.storePath)
    let contents = try EndpointStore(path: data.settings.storePath).contents()
    #expect(contents.damagedEndpoints.isEmpty && contents.damagedReplicas.isEmpty && contents.remarks.isEmpty)
    #expect(contents.endpoints.map(\.name) == ["chat", "wiki"])
    let chat = try #require(contents.endpoints.first)
    #expect(chat.tags == ["setpoint-fleet": "prod"])
    #expect(chat.active?.version == 1 && chat.nextVersion == 3)
    #expect(chat.update.config?.version == 2)
    #expect(contents.endpoints.last?.update.target?.version == 1)
    #expect(contents.replicas.map(\.id) == ["0123456789abcdef"])
    #expect(contents.replicas.first?.failure?.description.contains("it died while serving") == true)
  }

  @Test func `an older store keeps the last config with another model version for a rollback`() throws {
    try makeDataFolder()
    let store = try EndpointStore(path: data.settings.storePath)
    var record = endpoint("chat", id: "a")
    for (version, model) in [(1, 1), (2, 2), (3, 2)] as [(Int64, Int)] {
      record.active = config(version, model: model)
      record.nextVersion = version + 1
      try store.save(record)
    }
    try store.save(endpoint("new", id: "b"))
    try run("ALTER TABLE endpoint DROP COLUMN previous_version")
    try run("DELETE FROM grdb_migrations WHERE identifier LIKE '3:%'")
    let migrated = try EndpointStore(path: data.settings.storePath)
    #expect(try migrated.previousConfigs().mapValues(\.version) == [record.id: 1])
    #expect(try migrated.endpoints().count == 2)
  }

  @Test func `what is scaled to zero is kept, and what cannot be read of it is awake`() throws {
    try makeDataFolder()
    let store = try EndpointStore(path: data.settings.storePath)
    var record = endpoint("chat", id: "a")
    record.active = config(1)
    record.sleep = ["q/1/CPU/0": .asleep, "q/2/CPU/0": .waking]
    try store.save(record)
    #expect(try store.endpoints() == [record])
    try run("UPDATE endpoint SET sleep = 'damaged'")
    #expect(try store.endpoints().first?.sleep == [:])
  }

  @Test func `a store of a later version is refused by name and not changed`() async throws {
    try makeDataFolder()
    _ = try EndpointStore(path: data.settings.storePath)
    try run("INSERT INTO grdb_migrations VALUES ('7: from the future')")
    let error = try await startError()
    #expect(error.message.contains(data.settings.storePath), "\(error)")
    #expect(
      error.message.contains("newer version of Setpoint") && error.message.contains("7: from the future"), "\(error)")
    #expect(error.advice.contains("--data"), "\(error)")
  }

  @Test func `a store of 0 bytes is damaged and not a new one`() async throws {
    try makeDataFolder()
    try Data().write(to: URL(filePath: data.settings.storePath))
    let error = try await startError()
    #expect(error.message.contains("0 bytes"), "\(error)")
    #expect(error.advice.contains("backup"), "\(error)")
    #expect(try Data(contentsOf: URL(filePath: data.settings.storePath)).isEmpty)
  }

  // MARK: Damage

  @Test(arguments: [
    "UPDATE config SET document = '{' WHERE endpoint_id LIKE 'b%'",
    "UPDATE config SET document = x'00ff' WHERE endpoint_id LIKE 'b%'",
    "DELETE FROM config WHERE endpoint_id LIKE 'b%'", "UPDATE endpoint SET created_at = 'then' WHERE name = 'wiki'",
    "UPDATE endpoint SET active_version = 'x' WHERE name = 'wiki'",
  ])
  func `one unreadable endpoint affects no other, is named, and can be created again`(_ damage: String) async throws {
    try makeDataFolder()
    do {
      let store = try EndpointStore(path: data.settings.storePath)
      for var record in [endpoint("chat", id: "a"), endpoint("wiki", id: "b")] {
        record.active = config(1)
        record.nextVersion = 2
        try store.save(record)
      }
      try run(damage)
      let contents = try store.contents()
      #expect(contents.endpoints.map(\.name) == ["chat"])
      #expect(contents.damagedEndpoints.keys.sorted() == ["wiki"])
    }
    try await withPlane(data) { plane in
      let list = try await plane.call("GET", "/api/2.0/serving-endpoints").json["endpoints"]?.arrayValue ?? []
      #expect(list.map { $0["name"]?.stringValue } == ["chat"])
      let gone = try await plane.get("wiki")
      #expect(gone.status == 404)
      #expect(gone.message.contains("\"wiki\"") && gone.message.contains("damaged"), "\(gone.message)")
      #expect(try await plane.call("POST", "/api/2.0/serving-endpoints", ["name": "wiki"]).status == 200)
      #expect(try await plane.get("wiki").status == 200)
    }
    let after = try EndpointStore(path: data.settings.storePath).contents()
    #expect(after.endpoints.map(\.name) == ["chat", "wiki"])
    #expect(after.damagedEndpoints.isEmpty)
  }

  @Test func `an update with an unreadable config is skipped, and the endpoint keeps serving`() throws {
    try makeDataFolder()
    let store = try EndpointStore(path: data.settings.storePath)
    var record = endpoint("chat", id: "a")
    record.active = config(1)
    record.update = .failed(config(2), entity: "q-1", reason: "no")
    record.nextVersion = 3
    try store.save(record)
    try run("UPDATE config SET document = '{' WHERE version = 2")
    let contents = try store.contents()
    #expect(contents.endpoints.first?.active?.version == 1)
    #expect(contents.endpoints.first?.update == ConfigUpdate.none)
    #expect(contents.remarks.count == 1 && contents.remarks[0].contains("config version 2"), "\(contents.remarks)")
  }

  @Test(arguments: ["UPDATE endpoint SET settings = '{'", "UPDATE endpoint SET settings = '[]'"])
  func `settings that cannot be read are reported, and the endpoint keeps serving`(_ damage: String) throws {
    try makeDataFolder()
    let store = try EndpointStore(path: data.settings.storePath)
    var record = endpoint("chat", id: "a")
    record.active = config(1)
    record.settings.gateway = ["usage_tracking_config": ["enabled": true]]
    record.settings.notifications = ["on_update_failure": ["a@example.com"]]
    record.settings.telemetry = ["table_names": ["logs_table": "x"]]
    try store.save(record)
    #expect(try store.contents().endpoints == [record])
    try run(damage)
    let contents = try store.contents()
    #expect(contents.endpoints.first?.active?.version == 1)
    #expect(contents.endpoints.first?.settings == EndpointSettings())
    #expect(contents.remarks.count == 1 && contents.remarks[0].contains("its settings are skipped"))
  }

  @Test func `a replica with an unreadable record is dropped and does not affect the others`() async throws {
    try makeDataFolder()
    let id = "00000000000000aa"
    let folder = data.settings.replicasPath + "/" + id
    do {
      _ = try EndpointStore(path: data.settings.storePath)
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try run("INSERT INTO replica (id, endpoint_id, created_at, port, document) VALUES ('\(id)', 'x', 1, 2, '{')")
    }
    try await withPlane(data) { plane in
      let list = try await plane.call("GET", "/api/2.0/serving-endpoints")
      #expect(list.status == 200)
    }
    #expect(try EndpointStore(path: data.settings.storePath).contents().damagedReplicas.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  // MARK: Growth

  @Test func `configs are limited in number and age, and those in use are kept`() throws {
    try makeDataFolder()
    let store = try EndpointStore(path: data.settings.storePath)
    var record = endpoint("chat", id: "a")
    record.active = config(1)
    for version in 2...100 {
      record.update = .failed(config(Int64(version)), entity: "q-1", reason: "no")
      record.nextVersion = Int64(version) + 1
      try store.save(record)
    }
    func versions() throws -> [Int64] {
      try DatabaseQueue(path: data.settings.storePath).read {
        try Int64.fetchAll($0, sql: "SELECT version FROM config ORDER BY version")
      }
    }
    #expect(try versions() == [1] + Array(81...100))
    #expect(try store.contents().endpoints.first?.active?.version == 1)
    record.updated += 400 * 24 * 3600 * 1000
    record.update = .failed(config(101, started: record.updated), entity: "q-1", reason: "no")
    record.nextVersion = 102
    try store.save(record)
    #expect(try versions() == [1, 101])
  }

  // MARK: Access

  @Test
  func `the store, logs and replica folders belong to the plane's user alone, whatever they were before`() async throws
  {
    let settings = data.settings
    let old = settings.replicasPath + "/00000000000000aa"
    try FileManager.default.createDirectory(
      atPath: old, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    try Data("words".utf8).write(to: URL(filePath: old + "/output.log"))
    _ = try EndpointStore(path: settings.storePath)
    for path in [settings.dataDirectory, settings.replicasPath, old] { #expect(chmod(path, 0o755) == 0) }
    for path in [settings.storePath, old + "/output.log"] { #expect(chmod(path, 0o644) == 0) }
    try await withPlane(data) { plane in
      let version = try await plane.register("q", data.model())
      #expect(try await plane.create("chat", [entity("q", version)]).status == 200)
      _ = try await plane.waitUntilSettled("chat")
      for path in [settings.modelsPath, settings.replicasPath, old] { #expect(mode(path) == 0o700, "\(path)") }
      #expect(mode(old + "/output.log") == 0o600)
      for suffix in ["", "-wal", "-shm"] { #expect(mode(settings.storePath + suffix) == 0o600, "\(suffix)") }
      let replica = try #require(
        try EndpointStore(path: settings.storePath).replicas().first.flatMap { ProcessHandle($0.handle) })
      for folder in [replica.directory, replica.temporary] { #expect(mode(folder) == 0o700, "\(folder)") }
      #expect(mode(replica.outputPath) == 0o600)
    }
  }

  @Test func `a data directory that other users can write to is refused with what to do`() async throws {
    try makeDataFolder()
    #expect(chmod(data.settings.dataDirectory, 0o777) == 0)
    let error = try await startError()
    #expect(error.message.contains("every user can write to it"), "\(error)")
    #expect(error.advice.contains("chmod go-w") && error.advice.contains("--data DIR"), "\(error)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: data.settings.dataDirectory) == [])
  }
}
