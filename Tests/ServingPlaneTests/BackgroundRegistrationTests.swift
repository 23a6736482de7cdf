import CanonicalJSON
import FoundationEssentials
import Glibc
import Logging
import Synchronization
import Testing

@testable import ServingPlane

/// Registrations that run in the plane while nobody waits for them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct BackgroundRegistrationTests {
  private let data = TestData()
  private let models: String
  private let source: String

  private static let versions = "/api/2.1/unity-catalog/models/q/versions"

  init() throws {
    models = data.path + "/data/models"
    source = data.path + "/src"
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
  }

  /// Makes a folder that takes a while to copy: large shards, each different.
  private func makeShards(_ count: Int, _ size: Int = 60 << 20) throws {
    for number in 0..<count {
      let shard = source + "/shard-\(number).bin"
      try Data("shard \(number)".utf8).write(to: URL(filePath: shard))
      #expect(truncate(shard, off_t(size)) == 0)
    }
  }

  private func begin(_ plane: PlaneClient) async throws -> PlaneClient.ClientResponse {
    try await plane.call(
      "POST", Self.versions,
      ["source": .string(source), "entrypoint": .string(TestData.entrypoint), "background": true])
  }

  private func incoming() -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []).filter { $0.hasPrefix(".incoming-") }
  }

  @Test func `a long registration is listed with its progress until the version is ready`() async throws {
    try makeShards(1)
    try await withBusyCopiers { copiers in
      try await withPlane(data) { plane in
        let begun = try await begin(plane)
        #expect(begun.status == 200, "\(begun.text)")
        #expect(begun.json["version"] == 1 && begun.json["status"] == "PENDING_REGISTRATION", "\(begun.text)")
        #expect(begun.json["bytes_done"] == 0 && begun.json["bytes_total"] == .int(60 << 20))
        let listed = try await plane.call("GET", Self.versions).json["model_versions"]?.arrayValue ?? []
        #expect(listed.map { $0["status"] } == ["PENDING_REGISTRATION"])
        let names = try await plane.call("GET", "/api/2.1/unity-catalog/models?include_aliases=true").json
        #expect(names["registered_models"]?.arrayValue?.map { $0["full_name"] } == ["q"])
        let refused = try await plane.create("chat", [entity("q", 1)])
        #expect(refused.status == 404, "\(refused.text)")
        let forecast = try await plane.call(
          "POST", "/api/setpoint/serving-endpoints/chat/forecast", ["served_entities": .array([entity("q", 1)])])
        #expect(forecast.status == 200 && forecast.json["refusal"] == nil, "it is waited for: \(forecast.text)")
        let alias = try await plane.call("PUT", "/api/2.1/unity-catalog/models/q/aliases/prod", ["version_num": 1])
        #expect(alias.status == 409 && alias.message.contains("set the alias once it is READY"), "\(alias.text)")
        let again = try await plane.call("POST", Self.versions, ["source": .string(source), "version": 1])
        #expect(again.status == 409 && again.code == "RESOURCE_CONFLICT", "\(again.text)")
        copiers.release()
        try await eventually("the version is ready") {
          try await plane.call("GET", Self.versions + "/1").json["status"] == "READY"
        }
        #expect(try await plane.call("GET", Self.versions + "/1").json["size_bytes"] == .int(60 << 20))
      }
    }
  }

  @Test func `deleting a version that is being registered cancels the registration`() async throws {
    try makeShards(1)
    try await withBusyCopiers { copiers in
      try await withPlane(data) { plane in
        _ = try await begin(plane)
        async let deleted = plane.call("DELETE", Self.versions + "/1")
        copiers.release()
        let answer = try await deleted
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try await plane.call("GET", Self.versions + "/1").status == 404)
        #expect(incoming().isEmpty)
      }
    }
  }

  @Test func `a registration that fails in the background is listed with its reason until its number is used`()
    async throws
  {
    try await withPlane(data) { plane in
      try makeShards(1, 1000)
      // Nothing can be moved into place.
      try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
      try Data().write(to: URL(filePath: models + "/q"))
      let failed = try await begin(plane)
      #expect(failed.status == 500, "\(failed.text)")
      let listed = try await plane.call("GET", Self.versions).json["model_versions"]?.arrayValue ?? []
      #expect(listed.map { $0["status"] } == ["FAILED_REGISTRATION"])
      #expect(listed.first?["comment"]?.stringValue?.contains("cannot be created") == true, "\(listed)")
      #expect(incoming().isEmpty)
      unlink(models + "/q")
      #expect(try await begin(plane).json["status"] == "READY")
      let after = try await plane.call("GET", Self.versions).json["model_versions"]?.arrayValue ?? []
      #expect(after.map { $0["status"] } == ["READY"])
    }
  }

  @Test func `a plane removes what a killed one left of a registration, and says so`() async throws {
    let folder = models + "/.incoming-abc"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let record = #"{"model": "q", "version": 2, "source": "/srv/q"}"#
    try Data(record.utf8).write(to: URL(filePath: folder + "/version.json"))
    let output = RecordingLogHandler.Output()
    try await withPlane(data, log: Logger(label: "plane") { _ in RecordingLogHandler(output: output) }) { _ in }
    #expect(!FileManager.default.fileExists(atPath: folder))
    let facts = output.facts(
      of: "removed what an earlier plane did not finish; register the model again if it is missing")
    #expect(facts?["what"] == "an interrupted registration of q version 2 from /srv/q")
  }

  @Test func `no other plane takes over during a registration, and none begins when the plane ends`() async throws {
    let (gate, directory) = (ChangeGate(), ModelDirectory(path: models, now: { 0 }))
    let registrations = ModelRegistrations(
      models: directory, gate: gate, log: Logger(label: "plane") { _ in SwiftLogNoOpLogHandler() })
    #expect(await gate.enter() == .admitted)
    let registration = registrations.begin(try directory.reserve("q", as: nil), from: "/srv/q", total: nil) { _ in
      .failure(ModelError(code: .storage, description: "the disk is full"))
    }
    gate.leave()
    await #expect(throws: TakeoverChannel.Failure.self) { try await gate.close(within: .zero) }
    let running = Task { await registrations.run() }
    await registration.waitUntilEnded()
    #expect(registration.failure?.description == "the disk is full")
    running.cancel()
    await running.value
    #expect(await gate.enter() == .admitted)
    let late = registrations.begin(try directory.reserve("q", as: nil), from: "/srv/q", total: nil) { _ in
      .failure(ModelError(code: .storage, description: "it began"))
    }
    gate.leave()
    #expect(late.number == 1 && late.failure?.code == .cancelled)
    try await gate.close(within: .zero)
  }

  @Test func `a second registration of the same bytes shares the files of the first`() throws {
    try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
    let directory = ModelDirectory(path: models, now: { 0 })
    try makeShards(2, 3 << 20)
    try Data("small".utf8).write(to: URL(filePath: source + "/config.txt"))
    func register(free: Int64) throws -> ModelVersion {
      var copy = FolderCopy()
      copy.freeBytes = { _ in free }
      return try directory.register("q", from: source, entrypoint: "v", copy: copy)
    }
    let first = try register(free: .max)
    // Not enough for a second copy.
    let second = try register(free: 1 << 20)
    for shard in ["shard-0.bin", "shard-1.bin"] {
      #expect(inode(first, shard) == inode(second, shard))
      var status = stat()
      #expect(stat(source + "/" + shard, &status) == 0 && UInt(status.st_ino) != inode(first, shard))
    }
    #expect(inode(first, "config.txt") != inode(second, "config.txt"))
    // The same size with other bytes is another file.
    try makeShards(1, 3 << 20)
    let file = open(source + "/shard-0.bin", O_WRONLY)
    #expect(pwrite(file, "end", 3, off_t((3 << 20) - 3)) == 3)
    close(file)
    let third = try register(free: .max)
    #expect(inode(third, "shard-0.bin") != inode(first, "shard-0.bin"))
    #expect(inode(third, "shard-1.bin") == inode(first, "shard-1.bin"))
    // The shared files stay when one of the versions is deleted.
    try directory.removeFolder(try directory.deleteVersion("q", 1))
    #expect(inode(second, "shard-1.bin") == inode(third, "shard-1.bin"))
  }

  private func inode(_ version: ModelVersion, _ file: String) -> UInt {
    var status = stat()
    return stat(version.artifacts + "/" + file, &status) == 0 ? UInt(status.st_ino) : 0
  }

  @Test func `a file that somebody else could change, or with other permissions, is not shared`() throws {
    try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: true)
    let directory = ModelDirectory(path: models, now: { 0 })
    try makeShards(3, 3 << 20)
    let first = try directory.register("q", from: source, entrypoint: "v")
    // As versions were registered by earlier planes: with a second name outside.
    #expect(link(first.artifacts + "/shard-0.bin", data.path + "/outside") == 0)
    #expect(chmod(first.artifacts + "/shard-1.bin", 0o644) == 0)
    #expect(chmod(source + "/shard-2.bin", 0o755) == 0)
    let second = try directory.register("q", from: source, entrypoint: "v")
    for shard in ["shard-0.bin", "shard-1.bin", "shard-2.bin"] {
      #expect(inode(first, shard) != inode(second, shard), "\(shard)")
    }
    #expect(access(second.artifacts + "/shard-2.bin", X_OK) == 0)
  }
}

/// Runs `body` while all threads for copies are busy, until it releases them.
private func withBusyCopiers(_ body: @escaping @Sendable (BusyCopiers) async throws -> Void) async throws {
  let copiers = try BusyCopiers()
  try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<2 { group.addTask { await BlockingWork.long.run { copiers.block() } } }
    group.addTask {
      defer { copiers.release() }
      try await eventually("the threads are busy") { copiers.blocked == 2 }
      try await body(copiers)
    }
    try await group.waitForAll()
  }
}

/// Threads that wait for the end of a pipe.
private final class BusyCopiers: Sendable {
  private let reader: Int32
  private let writer: Mutex<Int32?>
  private let count = Atomic(0)

  init() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    reader = ends[0]
    writer = Mutex(ends[1])
  }

  var blocked: Int { count.load(ordering: .relaxed) }

  func block() {
    count.wrappingAdd(1, ordering: .relaxed)
    var byte: UInt8 = 0
    _ = read(reader, &byte, 1)
  }

  func release() {
    writer.withLock { writer in
      if let open = writer { close(open) }
      writer = nil
    }
  }

  deinit {
    release()
    close(reader)
  }
}
